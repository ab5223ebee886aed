"""Making classes and naming them: which names are free, which position, colour and key come next."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets.actions.changing import change_samples
from apps.datasets.ingest.folders import MAX_CLASS, class_key
from apps.datasets.models import Annotation, Dataset, LabelClass, Sample, SchemaChange
from apps.errors import invalid

# The keys that pick a class, in order of position; a class of one character gets its own.
KEYS = "1234567890"
# What these keys do while reviewing or labelling; a class cannot have them.
COMMAND_KEYS = frozenset("afgnrsuv?/+-")
KEY_RESERVED = gettext_lazy(
    "A, F, G, N, R, S, U, V, ?, /, + and - are commands while reviewing or labelling. Choose another "
    "key."
)
COLOURS = 12
# So many classes may be named at once: each is looked for among all the others.
MAX_CLASSES = 1000


def clean_class_name(name: str, field: str = "name") -> str:
    """The name without odd spaces, or a refusal."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_CLASS:
        raise invalid(
            "class_name",
            _("A class needs a name of at most %(limit)s characters.") % {"limit": MAX_CLASS},
            field=field,
        )
    return name


def require_free(
    dataset: Dataset, names: Iterable[str], own: Iterable[LabelClass] = (), field: str = "name"
) -> None:
    """Refuse names that mean another class already, in whatever spelling; those of `own` may be
    used again."""
    mine = {label.pk for label in own}
    taken: dict[str, LabelClass] = {}
    for label in in_use(dataset):
        if label.pk not in mine:
            taken |= {class_key(each): label for each in (label.name, *label.aliases)}
    for name in names:
        if other := taken.get(class_key(name)):
            text = _("There is already a class “%(name)s”.") % {"name": other.name}
            if class_key(other.name) != class_key(name):
                text = _("“%(name)s” means the class “%(other)s” already.")
                text %= {"name": name, "other": other.name}
            raise invalid("class_exists", text, field=field)


def in_use(dataset: Dataset) -> QuerySet[LabelClass]:
    """Current classes, and those that may be current again when the change on its way is done."""
    changing = SchemaChange.objects.filter(dataset=dataset, status=SchemaChange.Status.APPLYING)
    found: QuerySet[LabelClass] = dataset.classes.filter(
        Q(retired_at=None) | Q(pk__in=changing.values("label"))
    )
    return found


def create_class(dataset: Dataset, name: str) -> LabelClass:
    """A class with the next position, colour and free key. The dataset's row must be locked."""
    others = list(dataset.classes.all())
    return LabelClass.objects.create(
        dataset=dataset,
        name=name,
        position=len(others),
        colour=len(others) % COLOURS,
        key=free_key(name, {other.key for other in others}),
    )


def free_key(name: str, taken: set[str]) -> str:
    """The class's own character, or the next digit; empty where all are taken."""
    own = name.lower() if len(name) == 1 and name.lower() not in COMMAND_KEYS else ""
    return next((key for key in own + KEYS if key not in taken), "")


def adopt_claims(label: LabelClass) -> None:
    """Samples still without a class whose folder has its name (or another of its names) get it."""
    waiting = Sample.objects.filter(dataset=label.dataset, label=None).exclude(claimed_class="")
    known = {class_key(name) for name in (label.name, *label.aliases)}
    names = {
        name
        for name in waiting.values_list("claimed_class", flat=True).distinct()
        if class_key(name) in known
    }
    ours = change_samples(waiting.filter(claimed_class__in=names), label=label, claimed_class="")
    role = Annotation.As.UPLOADER
    Annotation.objects.bulk_create(
        (
            Annotation(sample=sample, label=label, by_id=sample.contributor_id, role=role)
            for sample in ours
        ),
        batch_size=1000,
    )


def one_at_a_time(dataset: Dataset) -> None:
    """Hold the dataset's row until the transaction ends: names, keys and positions are handed out
    in order, a freeze and a change of the classes never begin together."""
    Dataset.objects.select_for_update().get(pk=dataset.pk)
