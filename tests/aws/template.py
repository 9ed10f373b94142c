"""deploy/aws/template.yaml as CloudFormation would read it, as far as it can be told without an account."""

import re
from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from tests.support.aws_tables import TEMPLATE

STACK: Final = "ticket-dev"
REGION: Final = "ap-southeast-2"
PSEUDO: Final = {
    "AWS::StackName": STACK,
    "AWS::Region": REGION,
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}


class Template:
    """The template with these parameters; functions that need a real resource give its name in angle brackets."""

    def __init__(self, **parameters: str) -> None:
        self.document = _loaded(TEMPLATE.read_text("utf-8"))
        defaults = {name: told["Default"] for name, told in self.document["Parameters"].items()}
        assert parameters.keys() <= defaults.keys()
        self._values = PSEUDO | defaults | parameters

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template holds."""
        return bool(self.resolved(self.document["Conditions"][condition]))

    def resources(self, kind: str | None = None) -> dict[str, Any]:
        """The properties of each resource that is made, or of each of one type, by name."""
        return {
            name: self.resolved(resource["Properties"])
            for name, resource in self.document["Resources"].items()
            if (kind is None or resource["Type"] == kind)
            and ("Condition" not in resource or self.holds(resource["Condition"]))
        }

    def environment(self, function: str) -> dict[str, str]:
        """The environment variables of a function."""
        common = self.resolved(self.document["Globals"]["Function"]["Environment"]["Variables"])
        own = self.resources()[function].get("Environment", {}).get("Variables", {})
        return {name: str(value) for name, value in {**common, **own}.items()}

    def resolved(self, value: Any) -> Any:
        """A value with its functions worked out."""
        if isinstance(value, list):
            return [self.resolved(item) for item in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._value(argument)
            if name == "GetAtt":
                return f"<{argument}>"
            if name == "Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._value(found[1])), argument)
            if name == "If":
                condition, then, otherwise = argument
                return self.resolved(then if self.holds(condition) else otherwise)
            if name == "Equals":
                first, second = self.resolved(argument)
                return str(first) == str(second)
            if name == "Not":
                return not self.resolved(argument[0])
        return {name: self.resolved(item) for name, item in value.items()}

    def _value(self, name: str) -> Any:
        return self._values.get(name, f"<{name}>")


def _loaded(text: str) -> Any:
    return _plain(YAML().compose(text))


def _plain(node: Any) -> Any:
    """A node of YAML as plain data; `!Sub text` becomes {"Sub": "text"}."""
    value: Any
    if isinstance(node, MappingNode):
        value = {_plain(key): _plain(item) for key, item in node.value}
    elif isinstance(node, SequenceNode):
        value = [_plain(item) for item in node.value]
    else:
        assert isinstance(node, ScalarNode)
        is_whole = node.style is None and re.fullmatch(r"[0-9]+", node.value)
        is_truth = node.style is None and node.value in ("true", "false")
        value = int(node.value) if is_whole else node.value == "true" if is_truth else node.value
    tag = str(node.tag or "")
    return {tag[1:]: value} if re.fullmatch("![A-Za-z]+", tag) else value
