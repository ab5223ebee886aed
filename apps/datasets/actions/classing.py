"""The classes of a dataset by how files spell them."""

from apps.datasets.ingest.folders import class_key
from apps.datasets.models import LabelClass


class Classes:
    """Current classes by name and by alias, read once for many files."""

    def __init__(self, dataset_id: int) -> None:
        found = LabelClass.objects.current().filter(dataset_id=dataset_id)
        aliases = {class_key(alias): label for label in found for alias in label.aliases}
        self._known = aliases | {class_key(label.name): label for label in found}

    def named(self, name: str) -> LabelClass | None:
        return self._known.get(class_key(name))
