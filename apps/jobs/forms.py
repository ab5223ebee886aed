"""The form that proposes a job. It shapes input; what is allowed is JobConfig's to say, once."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.datasets.models import Dataset, Sample, Version
from apps.jobs.actions.proposing import MAX_TITLE

# Dotted fields of the configuration → fields of this form. What is not here stands above the form.
FIELDS = {
    "optimizer.learning_rate": "learning_rate",
    "optimizer.kind": "optimizer",
    "image.size": "image_size",
    "image.channels": "channels",
    "augmentation.flip": "flip",
    "augmentation.translate": "translate",
    "augmentation.rotate": "rotate",
    "augmentation.zoom": "zoom",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "seed": "seed",
    "title": "title",
}
NORMED_BATCH = "model.norm"


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


def _usual_side(dataset: Dataset) -> int:
    """A start for the image size: no larger than the images are, nor than trains in a while."""
    seen = Sample.objects.filter(dataset=dataset, status=Sample.Status.APPROVED)
    sides = [side or 0 for size in seen.values_list("width", "height")[:20] for side in size]
    return min(64, max(16, max(sides, default=32)))


class ProposeForm(forms.Form):
    version = forms.ModelChoiceField(Version.objects.none(), label=_("Version"), empty_label=None)
    title = forms.CharField(
        label=_("Title"),
        max_length=MAX_TITLE,
        help_text=_("What you want to find out, for example “larger batch”."),
    )
    model = forms.ChoiceField(
        label=_("Model"),
        choices=[
            ("cnn", _("Small CNN: three convolutions, one dense layer; quick")),
            ("resnet", _("ResNet-9: residual network; slower, usually more accurate")),
        ],
    )
    optimizer = forms.ChoiceField(
        label=_("Optimizer"),
        initial="adamw",
        choices=[
            ("adamw", "AdamW"),
            ("adam", "Adam"),
            ("momentum", _("SGD with momentum")),
            ("sgd", "SGD"),
            ("adagrad", "Adagrad"),
        ],
    )
    learning_rate = _number(
        _("Learning rate"),
        None,
        _("Empty: a usual one for the optimizer (AdamW 0.001, SGD 0.1)."),
        required=False,
    )
    epochs = _whole(_("Epochs"), 12, _("Passes over the training images."))
    batch_size = _whole(_("Batch size"), 64, _("Images per step."))
    seed = _whole(
        _("Seed"), 0, _("The same seed, version and configuration give the same result again.")
    )
    image_size = _whole(_("Image size"), 32, _("Side of the square the model sees, in pixels."))
    channels = forms.ChoiceField(
        label=_("Colours"), choices=[("rgb", _("colour")), ("grey", _("greyscale"))], initial="rgb"
    )
    translate = _number(
        _("Shift"), 0, _("Augmentation: up to this fraction of the side, both ways.")
    )
    rotate = _number(_("Rotation"), 0, _("Augmentation: up to this many degrees, both ways."))
    zoom = _number(_("Zoom"), 0, _("Augmentation: up to this fraction, in and out."))
    flip = forms.BooleanField(
        label=_("Mirror half of the images"),
        required=False,
        help_text=_("Augmentation; only where a mirrored image keeps its class."),
    )

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        approved = dataset.versions.filter(status=Version.Status.APPROVED)
        field = self.fields["version"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = approved.select_related("dataset")
        self.fields["image_size"].initial = _usual_side(dataset)
        if not dataset.flips_preserve_labels:
            del self.fields["flip"]

    def config(self) -> dict[str, Any]:
        """What was filled in, as a JobConfig's JSON."""
        data = self.cleaned_data
        optimizer: dict[str, Any] = {"kind": data["optimizer"]}
        if data["learning_rate"] is not None:
            optimizer["learning_rate"] = data["learning_rate"]
        return {
            "model": {"kind": data["model"]},
            "optimizer": optimizer,
            "image": {"size": data["image_size"], "channels": data["channels"]},
            "augmentation": {
                "flip": data.get("flip", False),
                **{name: data[name] for name in ("translate", "rotate", "zoom")},
            },
            **{name: data[name] for name in ("epochs", "batch_size", "seed")},
        }

    def refuse(self, errors: dict[str, list[str]]) -> None:
        """Show each problem of the configuration beside the field that it is about."""
        for dotted, sentences in errors.items():
            name = FIELDS.get(dotted, "")
            if dotted == NORMED_BATCH:
                name = "batch_size"
            elif dotted.startswith("model."):
                name = "image_size"
            known = name in self.fields
            for sentence in sentences:
                self.add_error(
                    name if known else None, sentence if known else f"{dotted}: {sentence}"
                )


class RejectForm(forms.Form):
    reason = forms.CharField(
        label=_("Why"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2, "class": "short"}),
        help_text=_("The member reads it, and can propose something better."),
    )
