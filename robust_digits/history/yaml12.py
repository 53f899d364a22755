"""Read YAML 1.2, which DVC reads. Not by ruamel.yaml, as DVC and `params`: a dvc.lock would take seconds."""

from typing import Any, ClassVar

import yaml
from ruamel.yaml.resolver import implicit_resolvers

_NOT_YAML = (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError, AttributeError)  # of values and tags
_MERGE = "tag:yaml.org,2002:merge"
_BASES = {"0b": 2, "0o": 8, "0x": 16}


def loaded(text: str) -> Any:  # noqa: ANN401 (whatever a text may hold)
    """Return what a text holds; a ValueError if it is no YAML."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader)
    except _NOT_YAML as error:
        raise ValueError(" ".join(str(error).split())) from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # without C a lock takes seconds
    """Read YAML 1.2 as ruamel.yaml does, by which DVC reads: PyYAML's own 1.1 takes 1e-3 for text, and 1:30 for 90."""

    yaml_implicit_resolvers: ClassVar = {
        start: [
            (tag, form) for versions, tag, form, starts in implicit_resolvers if (1, 2) in versions and start in starts
        ]
        for start in {start for *_, starts in implicit_resolvers for start in starts}
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 (PyYAML's)
        """Return a mapping, in which no key stands twice."""
        if isinstance(node, yaml.MappingNode):
            start, end = node.start_mark.index, node.end_mark.index  # PyYAML has put in what was merged, from elsewhere
            own = [key for key, _ in node.value if start <= key.start_mark.index < end and key.tag != _MERGE]
            if len({(key.tag, key.value) for key in own}) < len(own):
                raise yaml.constructor.ConstructorError(None, None, "a key stands twice in a mapping", node.start_mark)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Return a whole number: 010 is ten, 0o10 is eight."""
        text = str(self.construct_scalar(node)).replace("_", "")
        return int(text, _BASES.get(text.lstrip("+-")[:2], 10))


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
