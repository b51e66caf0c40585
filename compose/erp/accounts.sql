-- Run once, by whoever makes the server. It may have been started without its grant tables: accounts can be made once
-- they are loaded.
FLUSH PRIVILEGES;
CREATE DATABASE ${CDC_ERP_DATABASE} CHARACTER SET gbk COLLATE gbk_chinese_ci;
CREATE USER ${CDC_ERP_ADMIN_USER}@'%' IDENTIFIED BY '${CDC_ERP_ADMIN_PASSWORD}';
GRANT ALL ON ${CDC_ERP_DATABASE}.* TO ${CDC_ERP_ADMIN_USER}@'%';
CREATE OR REPLACE USER ${CDC_ERP_DBA_USER}@'127.0.0.1' IDENTIFIED BY '${CDC_ERP_DBA_PASSWORD}';
GRANT ALL ON *.* TO ${CDC_ERP_DBA_USER}@'127.0.0.1' WITH GRANT OPTION;
