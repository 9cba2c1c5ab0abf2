"""The words engines and storage providers share with the domain; plain Python, no Django."""

from .operation import (
    Command,
    Context,
    Inputs,
    Operation,
    Option,
    OptionProblem,
    Output,
    Result,
    Runner,
    Tool,
    Work,
    pairs,
)

__all__ = [
    "Command",
    "Context",
    "Inputs",
    "Operation",
    "Option",
    "OptionProblem",
    "Output",
    "Result",
    "Runner",
    "Tool",
    "Work",
    "pairs",
]
