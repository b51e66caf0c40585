"""Random expressions of the language, each with the same thing in PostgreSQL's words, printed apart from ours.

The two texts are put together side by side from the tables below, and share nothing but the names of columns. Ours has
as few parentheses as its grammar needs (or more, by chance), PostgreSQL's has all of them. Where the language refuses
what PostgreSQL does in some way, PostgreSQL's text calls the rule in `rules.sql`.

On the side of PostgreSQL every text is compared by character code, upper and lower case are ICU's, and constants are
hidden from its planner, which would otherwise evaluate parts in an order of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

# What binds closer: `a OR b` may be an argument, but is no operand of AND without parentheses.
ANY, CONJUNCT, NEGATED, OPERAND, JOINED, SUM, PRODUCT, SIGNED, ATOM = 0, 2, 3, 5, 6, 6, 7, 8, 9
DISJUNCTION, CONJUNCTION, NEGATION, PREDICATE, JOIN = 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Pair:
    """One expression, in both languages. `level`: how close ours holds together; `scaled`: its decimals have the same
    number of digits after the point on both sides; `bare`: it is a condition, which is not compared with another."""

    ours: str
    theirs: str
    level: int = ATOM
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Form:
    """How an expression is made of others: of which kinds, and how close each of them has to hold together."""

    ours: str
    level: int
    parts: tuple[tuple[str, int], ...]
    theirs: str


def form(ours: str, level: int, parts: str, theirs: str) -> Form:
    """Return a form; `parts` are written `kind` or `kind:LEVEL`."""
    read = (part.partition(":") for part in parts.split())
    return Form(ours, level, tuple((kind, int(least or ANY)) for kind, _, least in read), theirs)


def quoted(text: str) -> str:
    """Return a text as both languages quote it."""
    return "'" + text.replace("'", "''") + "'"


def coded(sql: str) -> str:
    """Return a text that is compared by character code."""
    return f'(({sql}) COLLATE "C")'


def numbers(*texts: str) -> list[Pair]:
    """Return constants that are numbers."""
    return [
        Pair(text.replace("-", "- "), f"(s.zero + ({text}))", SIGNED if "-" in text else ATOM, constant=True)
        for text in texts
    ]


def columns(*names: str) -> list[Pair]:
    """Return columns as they are."""
    return [Pair(name, f"s.{name}") for name in names]


def texts(*values: str) -> list[Pair]:
    """Return constants that are texts."""
    return [Pair(quoted(value), coded(f"s.empty || {quoted(value)}"), constant=True) for value in values]


WORDS = (
    *(
        "",
        " ",
        "a",
        "A ",
        " ab",
        "a%b",
        "_",
        "批号",
        "26批A",
        "b\\a",
        "ba",
        "aa",
        "a;b",
        ";",
        "a;;b;",
        "it's",
        "\t a\u3000",
    ),
    *("Straße", "ΌΔΟΣ", "ﬁn", "É", "e\u0301", "𠮷", "１", "0", "-7", "+12", "1.50", "-0.0", "007", "32768", "1e3"),
    *("2024-02-29", "2023-02-29", "0000-00-00", "9999-12-31", "2026-01-31 23:59:59", "2026-01-31T24:00:00", "n\nn"),
)
LEAVES: dict[str, list[Pair]] = {
    "int": [*columns("i1", "i2", "i1", "i2", "i3"), *numbers("0", "1", "3", "-2", "9999999999")],
    "dec": [*columns("d1", "d2", "d1", "d2", "d3"), *numbers("0.5", "10.25", "-1.0", "0.3333333333")],
    "qty": [Pair("TO_UNIT(d1, 'INH', 'MMT')", "(s.d1 * 25.4)"), Pair("TO_UNIT(i1, 'MTR', 'MMT')", "(s.i1 * 1000)")],
    "text": [
        *[Pair(name, coded(f"s.{name}")) for name in ("t1", "t2", "t1", "t2")],
        Pair("c1", coded("s.c1::text")),
        *texts("", "a", "b ", "批", "it's"),
    ],
    "bool": [
        *columns("b1", "b2", "b1", "b2"),
        Pair("TRUE", "(s.zero = 0)", constant=True),
        Pair("FALSE", "(s.zero = 1)", constant=True),
        Pair("NULL", "s.nothing::boolean", constant=True),
    ],
    "flag": columns("b1", "b2"),
    "date": [
        *columns("y1", "y2", "y1", "y2"),
        Pair("DATE '2024-02-29'", "(DATE '2024-02-28' + 1 + s.zero::int)", constant=True),
        Pair("CAST(NULL AS DATE)", "s.nothing::date"),
    ],
    "stamp": columns("s1", "s2"),
    "instant": columns("z1"),
    "number": numbers("0", "1", "2", "3", "7"),
    "piece": [Pair(str(number), str(number)) for number in (1, 2, 3, 5)],
    "length": [Pair(str(number), str(number)) for number in (0, 1, 2, 100)],
    "digits": [Pair(str(number), str(number)) for number in (1, 2, 9)],
    "count": [Pair(quoted(count), count) for count in ("0", "1", "13", "-1", "-25", "1200", "12000")],
    "period": [Pair(name, name) for name in ("DAY", "WEEK", "MONTH", "YEAR")],
    "nothing": [Pair("NULL", "s.nothing", constant=True)],
    "separator": [Pair(quoted(text), quoted(text)) for text in (";", ";;", "a", "批", " ")],
    "zone": [Pair(quoted(zone), quoted(zone)) for zone in ("Asia/Shanghai", "Europe/Berlin", "Australia/Lord_Howe")],
    "pattern": [
        Pair(quoted(text), quoted(text))
        for text in ("a%", "%a", "%b%", "_", "a\\%b", "%a%b%", "", "%", "_%_", "b\\\\a", "批_", "%\\_%", "__%", "%%a%%")
    ],
    "marked": [Pair(quoted(text), quoted(text)) for text in ("a!%b", "%!_", "!!%", "%;%", "a\\%")],
    "regex": [
        Pair(quoted(text), quoted(text))
        for text in (
            *("a", "^a", "a$", "^$", "^[a-z]+$", "[0-9]{2}", "a|b", "(a|批)+", "^(a|ab)(b|;)$", "[^a]", "a?b"),
            *("[批号]", r"\\", r"^\+?[0-9]+(\.[0-9]+)?$", "^[-+]", "", "(ab)*$", "a{0,2}b", "[;%_]", "É", "^[^;]*;"),
        )
    ]
    # `.` is not the end of a line.
    + [Pair("'^.{2}$'", r"E'^[^\n]{2}$'")],
    "finder": [
        Pair(quoted(text), quoted(text))
        for text in ("[0-9]+", "[A-Z][a-z]*", "a(b*)", "^([^;]*);", ";([^;]*)$", "批号?", "[0-9]{4}", "x")
    ],
}  # fmt: skip

ORDER = ("=", "<>", "<", "<=", ">", ">=")
COMPARED = (("int", "int"), ("dec", "int"), ("dec", "dec"), ("qty", "dec"), ("text", "text"), ("date", "date"),
            ("stamp", "stamp"), ("instant", "instant"))  # fmt: skip


def choices(kind: str, cast: str) -> list[Form]:
    """Return the forms that every kind has: CASE, COALESCE, NULLIF."""
    return [
        form("CASE WHEN {} THEN {} ELSE {} END", ATOM, f"bool {kind} {kind}", "(CASE WHEN {} THEN {} ELSE {} END)"),
        form("CASE WHEN {} THEN {} WHEN {} THEN {} END", ATOM, f"bool {kind} bool {kind}",
             "(CASE WHEN {} THEN {} WHEN {} THEN {} END)"),
        form("CASE {} WHEN {} THEN {} WHEN 1 THEN {} END", ATOM, f"int int {kind} {kind}",
             "(CASE {} WHEN {} THEN {} WHEN s.zero + 1 THEN {} END)"),
        form("CASE {} WHEN {} THEN NULL ELSE {} END", ATOM, f"text text {kind}",
             "(CASE {} WHEN {} THEN " + f"s.nothing::{cast}" + " ELSE {} END)"),
        form("COALESCE({}, {})", ATOM, f"{kind} {kind}", "COALESCE({}, {})"),
        form("COALESCE(NULL, {}, {}, {})", ATOM, f"{kind} {kind} {kind}", "COALESCE({}, {}, {})"),
        form("NULLIF({}, {})", ATOM, f"{kind} {kind}", "NULLIF({}, {})"),
    ]  # fmt: skip


FORMS: dict[str, list[Form]] = {
    "int": [
        form("{} + {}", SUM, "int:6 int:7", "oracle.fitting({} + {})"),
        form("{} - {}", SUM, "int:6 int:7", "oracle.fitting({} - {})"),
        form("{} * {}", PRODUCT, "int:7 int:8", "oracle.fitting({} * {})"),
        form("- {}", SIGNED, "int:8", "(- {})"),
        form("ABS({})", ATOM, "int", "abs({})"),
        form("ROUND({})", ATOM, "dec", "oracle.fitting(round({}, 0))"),
        form("ROUND({}, 0)", ATOM, "qty", "oracle.fitting(round({}, 0))"),
        form("{} - {}", SUM, "date:6 date:7", "({} - {})::numeric"),
        form("CAST({} AS SMALLINT)", ATOM, "varint", "oracle.whole({}, 16)"),
        form("CAST({} AS INT)", ATOM, "vardec", "oracle.whole({}, 32)"),
        form("CAST({} AS BIGINT)", ATOM, "vartext", "oracle.whole({}, 64)"),
        *choices("int", "numeric"),
    ],
    "dec": [
        form("{} + {}", SUM, "dec:6 int:7", "oracle.fitting({} + {})"),
        form("{} - {}", SUM, "int:6 dec:7", "oracle.fitting({} - {})"),
        form("{} - {}", SUM, "dec:6 dec:7", "oracle.fitting({} - {})"),
        form("{} * {}", PRODUCT, "dec:7 dec:8", "oracle.fitting({} * {})"),
        form("{} * {}", PRODUCT, "int:7 dec:8", "oracle.fitting({} * {})"),
        form("- {}", SIGNED, "dec:8", "(- {})"),
        form("ABS({})", ATOM, "dec", "abs({})"),
        form("ROUND({}, {})", ATOM, "dec digits", "oracle.fitting(round({}, {}))"),
        form("ROUND({}, 3)", ATOM, "qty", "oracle.fitting(round({}, 3))"),
        form("CAST({} AS DECIMAL(12,2))", ATOM, "vartext", "oracle.scaled({}, 12, 2)"),
        form("CAST({} AS DECIMAL(9,3))", ATOM, "vardec", "oracle.scaled({}, 9, 3)"),
        form("CAST({} AS DECIMAL(20))", ATOM, "varint", "oracle.scaled({}, 20, 0)"),
        *choices("dec", "numeric"),
    ],
    # Quotients have other scales on both sides, so they are numbers, but are not made texts.
    "quotient": [
        form("{} / {}", PRODUCT, "dec:7 number:8", "oracle.divided({}, {})"),
        form("{} / {}", PRODUCT, "dec:7 dec:8", "oracle.divided({}, {})"),
        form("{} / {}", PRODUCT, "dec:7 int:8", "oracle.divided({}, {})"),
        form("{} * 1.0 / {}", PRODUCT, "int:7 int:8", "oracle.divided(oracle.fitting({} * 1.0), {})"),
        form("{} / {}", PRODUCT, "quotient:7 dec:8", "oracle.divided({}, {})"),
        form("{} + {}", SUM, "quotient:6 dec:7", "oracle.fitting({} + {})"),
        form("ROUND({}, 2)", ATOM, "quotient", "oracle.fitting(round({}, 2))"),
    ],
    # Quantities are exact without a limit.
    "qty": [
        form("TO_UNIT({}, 'INH', 'MMT')", ATOM, "dec", "({} * 25.4)"),
        form("{} + {}", SUM, "qty:6 dec:7", "({} + {})"),
        form("{} * {}", PRODUCT, "int:7 qty:8", "({} * {})"),
        form("- {}", SIGNED, "qty:8", "(- {})"),
        form("ABS({})", ATOM, "qty", "abs({})"),
        form("COALESCE({}, {})", ATOM, "qty dec", "COALESCE({}, {})"),
    ],
    "text": [
        form("{} || {}", JOIN, "text:5 text:6", coded("{} || {}")),
        form("{} || {}", JOIN, "text:5 int:6", coded("{} || ({})::text")),
        form("CONCAT({}, {}, {})", ATOM, "int text text", coded("(({})::text || {}) || {}")),
        form("CONCAT({})", ATOM, "int", coded("({})::text")),
        form("UPPER({})", ATOM, "text", coded('upper({} COLLATE "und-x-icu")')),
        form("LOWER({})", ATOM, "text", coded('lower({} COLLATE "und-x-icu")')),
        form("TRIM({})", ATOM, "text", coded("btrim({}, ' ')")),
        form("CLEAN({})", ATOM, "text", coded(r"nullif(btrim({}, U&' \0009\000D\000A\3000'), '')")),
        form("SUBSTRING({}, {})", ATOM, "text piece", coded("substr({}, {})")),
        form("SUBSTRING({}, {}, {})", ATOM, "text piece length", coded("substr({}, {}, {})")),
        form("REPLACE({}, {}, {})", ATOM, "text text text", coded("replace({}, {}, {})")),
        form("SPLIT({0}, {1}, {2})", ATOM, "text separator piece", coded(
            "(SELECT CASE WHEN (char_length(t) - char_length(replace(t, {1}, ''))) / char_length({1}) + 1 >= {2}"
            " THEN split_part(t, {1}, {2}) END FROM (SELECT {0} OFFSET 0) AS x (t))")),
        form("REGEXP_SUBSTR({}, {})", ATOM, "text finder", coded("substring({} from {})")),
        form("CAST({} AS TEXT)", ATOM, "varint", coded("({})::text")),
        form("CAST({} AS TEXT)", ATOM, "vardec", coded("({})::text")),
        form("CAST({} AS VARCHAR(10))", ATOM, "vardate", coded("oracle.limited(({})::text, 10)")),
        form("CAST({} AS VARCHAR(3))", ATOM, "vartext", coded("oracle.limited({}, 3)")),
        form("CAST({} AS VARCHAR(4))", ATOM, "varint", coded("oracle.limited(({})::text, 4)")),
        *choices("text", "text"),
    ],
    "bool": [
        form("{} AND {}", CONJUNCTION, "bool:2 bool:3", "({} AND {})"),
        form("{} OR {}", DISJUNCTION, "bool:1 bool:2", "({} OR {})"),
        form("NOT {}", NEGATION, "bool:3", "(NOT {})"),
        *(form(f"{{}} {sign} {{}}", PREDICATE, f"{left}:5 {right}:5", f"({{}} {sign} {{}})")
          for sign in ORDER for left, right in COMPARED),
        *(form(f"{{}} {sign} {{}}", PREDICATE, "quotient:5 dec:5", f"({{}} {sign} {{}})") for sign in ORDER),
        form("{} = {}", PREDICATE, "flag:5 flag:5", "({} = {})"),
        form("{} <> COALESCE({}, {})", PREDICATE, "flag:5 bool bool", "({} <> COALESCE({}, {}))"),
        *(form("{} IS NULL", PREDICATE, f"{kind}:5", "(({}) IS NULL)") for kind in ("int", "text", "date", "nothing")),
        form("({}) IS NOT NULL", PREDICATE, "bool", "(({}) IS NOT NULL)"),
        form("{} IS NOT NULL", PREDICATE, "quotient:5", "(({}) IS NOT NULL)"),
        form("{} BETWEEN {} AND {}", PREDICATE, "int:5 int:5 dec:5", "({} BETWEEN {} AND {})"),
        form("{} BETWEEN {} AND {}", PREDICATE, "text:5 text:5 text:5", "({} BETWEEN {} AND {})"),
        form("{} NOT BETWEEN {} AND {}", PREDICATE, "date:5 date:5 date:5", "({} NOT BETWEEN {} AND {})"),
        form("{} BETWEEN {} AND {}", PREDICATE, "stamp:5 stamp:5 stamp:5", "({} BETWEEN {} AND {})"),
        form("{} IN (1, 2, 3)", PREDICATE, "int:5", "({} IN (1, 2, 3))"),
        form("{} IN (1, NULL)", PREDICATE, "int:5", "({} IN (1, NULL))"),
        form("{} IN (i1, d1, 3)", PREDICATE, "int:5", "({} IN (s.i1, s.d1, 3))"),
        form("{} NOT IN (1, 2.5, 10.25)", PREDICATE, "dec:5", "({} NOT IN (1, 2.5, 10.25))"),
        form("{} NOT IN (0, 25.4, d2)", PREDICATE, "qty:5", "({} NOT IN (0, 25.4, s.d2))"),
        form("{} IN (25.4, 1000)", PREDICATE, "qty:5", "({} IN (25.4, 1000))"),
        form("{} IN ('a', 'b ', t2, NULL)", PREDICATE, "text:5", "({} IN ('a', 'b ', s.t2, NULL))"),
        form("{} NOT IN ('a', '批号')", PREDICATE, "text:5", "({} NOT IN ('a', '批号'))"),
        form("{} IN (y1, DATE '2024-02-29')", PREDICATE, "date:5", "({} IN (s.y1, DATE '2024-02-29'))"),
        form("{} LIKE {}", PREDICATE, "text:5 pattern", "({} LIKE {})"),
        form("{} NOT LIKE {}", PREDICATE, "text:5 pattern", "({} NOT LIKE {})"),
        form("{} LIKE {} ESCAPE '!'", PREDICATE, "text:5 marked", "({} LIKE {} ESCAPE '!')"),
        form("{} LIKE {} ESCAPE ''", PREDICATE, "text:5 marked", "({} LIKE {} ESCAPE '')"),
        form("{} REGEXP {}", PREDICATE, "text:5 regex", "({} ~ {})"),
        *choices("bool", "boolean")[:6],
    ],
    "date": [
        form("{} + {}", SUM, "date:6 int:7", "oracle.shifted({}, {})"),
        form("{} - {}", SUM, "date:6 int:7", "oracle.shifted({}, - ({}))"),
        form("{} + 30", SUM, "date:6", "oracle.shifted({}, 30)"),
        form("{} + INTERVAL {} {}", SUM, "date:6 count period", "oracle.moved({}, INTERVAL '{} {}')::date"),
        form("{} - INTERVAL {} {}", SUM, "date:6 count period", "oracle.moved({}, - INTERVAL '{} {}')::date"),
        form("DATE_OF({})", ATOM, "stamp", "({})::date"),
        form("CAST({} AS DATE)", ATOM, "vartext", "oracle.day({})"),
        *choices("date", "date"),
    ],
    "stamp": [
        form("CAST({} AS TIMESTAMP)", ATOM, "date", "({})::timestamp"),
        form("{} + INTERVAL {} {}", SUM, "stamp:6 count period", "oracle.moved({}, INTERVAL '{} {}')"),
        form("{} - INTERVAL {} {}", SUM, "stamp:6 count period", "oracle.moved({}, - INTERVAL '{} {}')"),
        form("CAST({} AS TIMESTAMP)", ATOM, "vartext", "oracle.moment({})"),
        *choices("stamp", "timestamp"),
    ],
    "instant": [
        form("AT_ZONE({}, {})", ATOM, "stamp zone", "oracle.instant({}, {})"),
        *choices("instant", "timestamptz"),
    ],
}  # fmt: skip
# A constant that cannot be cast is a fault when the dictionary is loaded: these are no constants.
VARIABLE = {f"var{kind}": kind for kind in ("int", "dec", "text", "date")}
KINDS = ("int", "dec", "quotient", "qty", "text", "bool", "bool", "date", "stamp", "instant")


@st.composite
def pairs(draw: st.DrawFn, kind: str, depth: int = 4) -> Pair:
    """Draw an expression of a kind."""
    leaves = LEAVES.get(VARIABLE.get(kind, kind), [])
    if kind in VARIABLE:
        leaves = [leaf for leaf in leaves if not leaf.constant]
    forms = FORMS.get(VARIABLE.get(kind, kind), [])
    if not forms or (leaves and (depth <= 0 or draw(st.integers(0, 4)) == 0)):
        return draw(st.sampled_from(leaves))
    # What has no leaves is at the end of the depth made of what has.
    made = draw(filled(draw(st.sampled_from(forms if depth > 0 else forms[:4])), depth))
    return draw(st.sampled_from(leaves)) if made.constant and kind in VARIABLE else made


@st.composite
def filled(draw: st.DrawFn, made: Form, depth: int) -> Pair:
    """Draw the parts of a form."""
    parts = [draw(pairs(kind, depth - 1)) for kind, _ in made.parts]
    ours = [
        f"({part.ours})" if part.level < least or (part.level < ATOM and draw(st.integers(0, 5)) == 0) else part.ours
        for part, (_, least) in zip(parts, made.parts, strict=True)
    ]
    constant = made.level == SIGNED and parts[0].constant
    return Pair(made.ours.format(*ours), made.theirs.format(*(part.theirs for part in parts)), made.level, constant)
