"""Gives what Jinja2 makes of the cases on standard input: the other side of `jinja.rs`.

In: {"contexts": {name: names}, "cases": [{"context": name, "kind": "expression" or "template", "source": text}]}
Out: a list in the order of the cases, of {"value": what came out} or {"error": its sentence}.
"""

import json
import math
import sys
import types

from jinja2 import Environment, StrictUndefined, Undefined

ENVIRONMENT = Environment(undefined=StrictUndefined, keep_trailing_newline=True)


def plain(value):
    """The value as JSON has it: what Jinja gives lazily or as a tuple is a list."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number of JSON")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, types.GeneratorType)) or hasattr(value, "__next__"):
        return [plain(inner) for inner in value]
    if hasattr(value, "__iter__"):
        return [plain(inner) for inner in value]
    raise TypeError(f"a {type(value).__name__} is no value of JSON")


def answer(case, contexts):
    names = contexts[case["context"]]
    try:
        if case["kind"] == "template":
            return {"value": ENVIRONMENT.from_string(case["source"]).render(names)}
        return {"value": plain(ENVIRONMENT.compile_expression(case["source"], undefined_to_none=False)(**names))}
    except Exception as error:  # whatever Jinja or Python refuses it with is a refusal
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    asked = json.load(sys.stdin)
    json.dump([answer(case, asked["contexts"]) for case in asked["cases"]], sys.stdout)


if __name__ == "__main__":
    main()
