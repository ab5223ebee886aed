"""The form that proposes a job. It shapes input; what is allowed is JobConfig's to say, once.

A recipe's configuration, where one was chosen, is the base; what stands in the form is laid over it.
"""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import Dataset, Version
from apps.jobs.actions.proposing import MAX_TITLE
from apps.jobs.overlay import (
    OF_THE_MODEL,
    Config,
    at,
    has,
    lay_over,
    patch_for,
    place_of,
    values_of,
)
from apps.jobs.starts import usual_values
from training.config import canonical_json
from training.recipes import Recipe

MODEL_GROUP = (_("Model and training"), "model optimizer learning_rate epochs batch_size seed")
AS_IN_RECIPE = "recipe"
LARGE_SIDE = 64  # a larger image had better shrink in a ResNet's first layer


def _number(label: Any, initial: float | None, help_text: Any = "", **options: Any) -> Any:
    return forms.FloatField(
        label=label,
        initial=initial,
        help_text=help_text,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        **options,
    )


def _whole(label: Any, initial: int, help_text: Any = "") -> forms.IntegerField:
    return forms.IntegerField(label=label, initial=initial, help_text=help_text)


def _choice(label: Any, choices: Any, help_text: Any = "", **options: Any) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, help_text=help_text, **options)


def _tick(label: Any, help_text: Any = "", **options: Any) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, help_text=help_text, **options)


class ProposeForm(forms.Form):
    """What jobs on images and on texts have in common."""

    version = forms.ModelChoiceField(Version.objects.none(), label=_("Version"), empty_label=None)
    title = forms.CharField(
        label=_("Title"),
        max_length=MAX_TITLE,
        help_text=_("What you want to find out, for example “larger batch”."),
    )
    model = _choice(_("Model"), [])
    optimizer = _choice(
        _("Optimizer"),
        [
            ("adamw", "AdamW"),
            ("adam", "Adam"),
            ("momentum", _("SGD with momentum")),
            ("sgd", "SGD"),
            ("adagrad", "Adagrad"),
            ("muon", _("Muon: momentum made orthogonal")),
        ],
    )
    learning_rate = _number(
        _("Learning rate"),
        None,
        _("Empty: a usual one for the optimizer (AdamW 0.001, SGD 0.1)."),
        required=False,
    )
    epochs = _whole(_("Epochs"), 12, _("Passes over the training samples."))
    batch_size = _whole(_("Batch size"), 64, _("Samples per step."))
    seed = _whole(
        _("Seed"), 0, _("The same seed, version and configuration give the same result again.")
    )
    schedule = _choice(
        _("Schedule"),
        [
            ("one_cycle", _("one cycle: one rise, one fall")),
            ("cosine", _("cosine: a long fall")),
            ("constant", _("constant")),
        ],
        _("How the learning rate changes."),
    )
    gradient_clip = _number(
        _("Gradient limit"), 0, _("Longest step, as its norm; 0: none. About 1 for LSTM and GRU.")
    )
    averaging = _choice(
        _("Weight averaging"),
        [
            ("none", _("none")),
            ("ema", _("moving average (EMA)")),
            ("lookahead", _("lookahead: back to the average every few steps")),
        ],
    )
    patience = _whole(
        _("Patience"), 0, _("Stop after so many epochs without a better one; 0: never.")
    )
    precision = _choice(
        _("Precision"),
        [("auto", _("bfloat16 where the hardware has it")), ("float32", "float32")],
    )
    devices = _whole(_("Devices"), 1, _("Of one machine; they share each batch."))
    class_weights = _choice(
        _("Class weights"),
        [("none", _("each sample counts the same")), ("balanced", _("rare classes count more"))],
    )
    sampling = _choice(
        _("Sampling"),
        [
            ("none", _("each sample once per epoch")),
            ("oversample", _("repeat small classes")),
            ("undersample", _("cut large classes")),
            ("weighted", _("draw every class as often")),
        ],
    )
    label_smoothing = _number(
        _("Label smoothing"), 0, _("Share of the certainty spread over all classes.")
    )
    dropout = _number(
        _("Dropout"),
        None,
        _("Share silenced while training. Empty: as the model has it."),
        required=False,
    )
    pruning = _choice(
        _("Pruning"),
        [
            ("none", _("none")),
            ("magnitude", _("smallest weights become zero")),
            ("structured", _("weakest channels go (CNN)")),
        ],
        _("After training; then it trains on for a few epochs."),
    )
    pruning_amount = _number(_("Share that goes"), 0.5)
    pruning_epochs = _whole(_("Epochs afterwards"), 2)

    # Choice → its name and the network that it stands for.
    MODELS: ClassVar[dict[str, tuple[Any, Config]]] = {}
    # Groups of fields in the order of the page: the most wanted, and those folded away.
    OPEN: ClassVar[tuple[tuple[Any, str], ...]] = ()
    MORE: ClassVar[tuple[tuple[Any, str], ...]] = (
        (_("Learning"), "schedule gradient_clip averaging patience precision devices"),
        (_("Classes and labels"), "class_weights sampling label_smoothing"),
        (_("Network"), "dropout norm"),
        (
            _("Augmentation"),
            "translate rotate zoom crop cutout colour mixup flip alternate test_time_augmentation",
        ),
        (_("Making the network smaller"), "pruning pruning_amount pruning_epochs"),
    )

    def __init__(
        self, *args: Any, dataset: Dataset, recipe: Recipe | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.recipe = recipe
        self.base: dict[str, Any] = json.loads(canonical_json(recipe.config)) if recipe else {}
        approved = dataset.versions.filter(status=Version.Status.APPROVED)
        version, model = self.fields["version"], self.fields["model"]
        assert isinstance(version, forms.ModelChoiceField)
        assert isinstance(model, forms.ChoiceField)
        version.queryset = approved.select_related("dataset")
        first = [(AS_IN_RECIPE, _("as in the recipe"))] if recipe else []
        model.choices = first + [(key, name) for key, (name, _network) in self.MODELS.items()]
        if not dataset.flips_preserve_labels:
            self._leave_out("flip", "alternate")
        if settings.JOB_DEVICES == 1:
            self._leave_out("devices")
        start = usual_values(dataset)
        if recipe:
            start = values_of(self.base) | {"model": AS_IN_RECIPE}
        self.initial = {**start, **self.initial}

    def _leave_out(self, *names: str) -> None:
        for name in names:
            self.fields.pop(name, None)

    @property
    def unmirrored(self) -> bool:
        """Whether the recipe mirrors images, and this dataset does not allow it."""
        return "flip" not in self.fields and bool(at(self.base, "augmentation.flip"))

    def open_groups(self) -> Iterator[tuple[Any, list[forms.BoundField]]]:
        return self._groups(self.OPEN)

    def more_groups(self) -> Iterator[tuple[Any, list[forms.BoundField]]]:
        return self._groups(self.MORE)

    def _groups(self, groups: Any) -> Iterator[tuple[Any, list[forms.BoundField]]]:
        for legend, names in groups:
            if found := [self[name] for name in names.split() if name in self.fields]:
                yield legend, found

    @property
    def unfolded(self) -> bool:
        """Whether something among the folded options has to be mended."""
        return any(field.errors for _legend, group in self.more_groups() for field in group)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if "model" in data:
            model = self.network(data)
            for name in OF_THE_MODEL:
                if data.get(name) not in (None, "") and not has(model, name):
                    self.add_error(name, _("This model has none: leave it empty."))
        return data

    def network(self, data: dict[str, Any]) -> Config:
        """The network that is chosen, before the other fields change it."""
        chosen: Config = (
            self.base["model"] if data["model"] == AS_IN_RECIPE else self.MODELS[data["model"]][1]
        )
        return chosen

    def config(self) -> Config:
        """What was filled in, over what the recipe says, as a JobConfig's JSON."""
        values = self.cleaned_data
        if self.unmirrored:
            values = values | {"flip": False, "alternate": False}
        return lay_over(self.base, self.network(values), values)

    def refuse(self, errors: dict[str, list[str]]) -> None:
        """Show each problem of the configuration beside the field that it is about."""
        for dotted, sentences in errors.items():
            name = place_of(dotted)
            known = name in self.fields
            for sentence in sentences:
                self.add_error(
                    name if known else None, sentence if known else f"{dotted}: {sentence}"
                )


class ImageForm(ProposeForm):
    """A job on images."""

    image_size = _whole(_("Image size"), 32, _("Side of the square the model sees, in pixels."))
    channels = _choice(_("Colours"), [("rgb", _("colour")), ("grey", _("greyscale"))])
    norm = _choice(
        _("Normalisation"),
        [
            ("", _("as the model has it")),
            ("none", _("none")),
            ("batch", _("by batch")),
            ("group", _("by group, for small batches")),
        ],
        required=False,
    )
    translate = _number(_("Shift"), 0, _("Up to this fraction of the side, both ways."))
    rotate = _number(_("Rotation"), 0, _("Up to this many degrees, both ways."))
    zoom = _number(_("Zoom"), 0, _("Up to this fraction, in and out."))
    crop = _number(_("Crop"), 0, _("Enlarge a part that is smaller by up to this fraction."))
    cutout = _number(_("Cutout"), 0, _("Blank a square of this fraction of the side."))
    colour = _number(_("Colour change"), 0, _("Brightness, contrast and saturation, by so much."))
    mixup = _number(_("Mixup"), 0, _("Blend pairs of images and their labels; usual: 0.2."))
    flip = _tick(_("Mirror half of the images"), _("Only where a mirrored image keeps its class."))
    alternate = _tick(
        _("Mirror by turns"), _("Chance decides in the first epoch only; needs mirroring.")
    )
    test_time_augmentation = _tick(
        _("Measure the mean of several views, too"),
        _("Of each test image, shifted (and mirrored); apart from the plain accuracy."),
    )

    MODELS = {
        "cnn": (_("Small CNN: three convolutions, one dense layer; quick"), {"kind": "cnn"}),
        "resnet9": (
            _("ResNet-9: residual network; slower, usually more accurate"),
            {"kind": "resnet", "depth": 9},
        ),
        "resnet18": (
            _("ResNet-18: deeper; for more and larger images"),
            {"kind": "resnet", "depth": 18},
        ),
        "vit": (_("Small ViT: a Transformer over patches; wants many images"), {"kind": "vit"}),
    }
    OPEN = (
        ("", "version title"),
        MODEL_GROUP,
        (_("Images"), "image_size channels"),
    )

    def network(self, data: dict[str, Any]) -> Config:
        found, size = super().network(data), data.get("image_size") or 0
        if data["model"] == "vit" and (patch := patch_for(size)):
            return found | {"patch": patch}
        if data["model"] in {"resnet9", "resnet18"} and size > LARGE_SIDE:
            return found | {"stem": "large"}
        return found


class TextForm(ProposeForm):
    """A job on texts."""

    tokenizer = _choice(
        _("Tokens"),
        [
            ("bpe", _("frequent pieces of words")),
            ("characters", _("characters, for Chinese and Japanese")),
        ],
    )
    vocabulary = _whole(_("Vocabulary"), 2000, _("The most tokens to tell apart."))
    max_length = _whole(
        _("Length"), 128, _("Tokens of a text that are read; a multiple of 8. The rest is cut.")
    )
    lowercase = _tick(_("Read capital letters as small ones"), initial=True)

    MODELS = {
        "lstm": (
            _("LSTM: reads token by token, in both directions"),
            {"kind": "rnn", "cell": "lstm"},
        ),
        "gru": (_("GRU: as an LSTM, with fewer weights"), {"kind": "rnn", "cell": "gru"}),
        "transformer": (
            _("Small Transformer: each token looks at all others; wants many texts"),
            {"kind": "transformer"},
        ),
    }
    OPEN = (
        ("", "version title"),
        MODEL_GROUP,
        (_("Texts"), "tokenizer vocabulary max_length lowercase"),
    )


class RejectForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "short"}),
        help_text=_("The member reads it, and can propose something better."),
    )


def propose_form(dataset: Dataset, *args: Any, **kwargs: Any) -> ProposeForm:
    """The form for what this dataset holds."""
    return (TextForm if dataset.holds_texts else ImageForm)(*args, dataset=dataset, **kwargs)
