/* The administrator's one script for a source on IBM i: a journal of the listed files, and one profile.                   */
/*                                                                                                                          */
/* Files that are journaled already, with both images, need STRJRNPF no more. No file is changed otherwise.                 */
/* Edit: libraries, journal, files. The profile's password is set by hand (CHGUSRPRF), not here.                            */
/* Run as an administrator with *ALLOBJ: each line by itself, or as the source of a CL program.                             */
CRTUSRPRF  USRPRF(CDCCAP) PASSWORD(*NONE) INLPGM(*NONE) INLMNU(*SIGNOFF) LMTCPB(*YES) TEXT('Change data capture')
STRJRNPF   FILE(ERPLIB/ITEMS) JRN(ERPJRN/QSQJRN) IMAGES(*BOTH) OMTJRNE(*OPNCLO)
STRJRNPF   FILE(ERPLIB/STOCK) JRN(ERPJRN/QSQJRN) IMAGES(*BOTH) OMTJRNE(*OPNCLO)
GRTOBJAUT  OBJ(ERPJRN) OBJTYPE(*LIB) USER(CDCCAP) AUT(*EXECUTE)
GRTOBJAUT  OBJ(ERPJRN/*ALL) OBJTYPE(*JRNRCV) USER(CDCCAP) AUT(*USE)
GRTOBJAUT  OBJ(ERPJRN/QSQJRN) OBJTYPE(*JRN) USER(CDCCAP) AUT(*USE *OBJEXIST)
GRTOBJAUT  OBJ(ERPLIB) OBJTYPE(*LIB) USER(CDCCAP) AUT(*EXECUTE)
GRTOBJAUT  OBJ(ERPLIB/ITEMS) OBJTYPE(*FILE) USER(CDCCAP) AUT(*USE)
GRTOBJAUT  OBJ(ERPLIB/STOCK) OBJTYPE(*FILE) USER(CDCCAP) AUT(*USE)
