"""Values as YAML writes them, of which its versions 1.1 and 1.2 make different things."""

SCALARS = [
    *("1:30", "190:20:30", "1e3", "1e-3", "010", "0o17", "0b11", "0x1F", "1_000", ".5", "1.", "+1", "-0", ".inf"),
    *(".NaN", "yes", "No", "on", "true", "TRUE", "null", "~", "", "2020-01-01", "=", "'1:30'", '"\\n"', "!!str 3"),
    *("!!float 1", "!!binary aGk=", "!!set {a}", "[1, 1:30]", "{a: 0o7, b: ~}", "|\n  text", ">-\n  a\n  b", "# none"),
]
