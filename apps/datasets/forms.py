"""Forms of the data side. They shape input; whether it is allowed is the actions' to say."""

from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.datasets.actions.naming import COLOURS, COMMAND_KEYS, KEY_RESERVED
from apps.datasets.ingest.folders import MAX_CLASS, class_key
from apps.datasets.models import Dataset, LabelClass, Licence, Review, Role, TaskKind
from apps.datasets.searching import is_number

# Addresses under /datasets/ that are pages of their own.
RESERVED = {"new"}


def _rows(number: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": number})


class FactsForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a dataset is: everything that may change later."""

    class Meta:
        model = Dataset
        fields = (
            "title",
            "summary",
            "guidelines",
            "licence",
            "agreement",
            "visibility",
            "flips_preserve_labels",
            "validation_percent",
            "test_percent",
            "motivation",
            "limitations",
            "seals_test",
        )
        widgets = {
            "summary": _rows(2),
            "guidelines": _rows(10),
            "agreement": _rows(4),
            "motivation": _rows(4),
            "limitations": _rows(4),
            "visibility": forms.RadioSelect,
        }
        help_texts = {
            "title": gettext_lazy("What it is about, in a few words."),
            "summary": gettext_lazy("One sentence for somebody who has never heard of it."),
            "guidelines": gettext_lazy(
                "How to tell the classes apart, with the hard cases. Markdown; reviewers see it."
            ),
            "licence": gettext_lazy(
                "Contributors give their files under this one unless they choose another."
            ),
            "agreement": gettext_lazy(
                "What each contributor promises by a tick, for example that nobody can be recognised."
            ),
            "flips_preserve_labels": gettext_lazy(
                "Training may then mirror images. Leave it off for digits, letters, left and right."
            ),
            "validation_percent": gettext_lazy("Used to tune a model while it trains."),
            "test_percent": gettext_lazy(
                "Used only to compare models. What is left is for training."
            ),
            "motivation": gettext_lazy("Who needs it and for what. It stands first on its card."),
            "limitations": gettext_lazy(
                "Whom or what it leaves out, and what it must not decide. It stands on its card."
            ),
            "seals_test": gettext_lazy(
                "Versions then publish only salted hashes of the test labels, until the owner unseals "
                "them. It must be on before the first version."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A radio button for “nothing chosen” would be no choice anybody wants.
        self.fields["visibility"].choices = Dataset._meta.get_field("visibility").choices  # type: ignore[attr-defined]


class NewDatasetForm(FactsForm):
    class_names = forms.CharField(
        label=gettext_lazy("Classes"),
        required=False,
        widget=_rows(6),
        help_text=gettext_lazy("One name in a line. More can be added at any time."),
    )

    class Meta(FactsForm.Meta):
        fields = ("title", "slug", "task", *FactsForm.Meta.fields[1:])  # type: ignore[assignment]
        help_texts = FactsForm.Meta.help_texts | {
            "task": gettext_lazy("What its samples are. It can never be changed."),
            "slug": gettext_lazy(
                "The last part of its web address: letters, digits and hyphens. Left empty, it is "
                "made from the title. It can never be changed."
            ),
        }

    field_order = ("title", "slug", "task", "summary", "class_names", "guidelines")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False
        self.fields["licence"].initial = Licence.CC_BY
        self.fields["task"].required = False

    def clean_task(self) -> str:
        return str(self.cleaned_data["task"] or TaskKind.IMAGE_CLASSIFICATION)

    def clean_slug(self) -> str:
        title = str(self.cleaned_data.get("title", ""))
        slug = (str(self.cleaned_data["slug"]) or slugify(title)[:60]).strip("-_")
        if not title:
            return slug
        if not slug:
            raise forms.ValidationError(
                _("No address can be made from this title: write one here.")
            )
        if slug in RESERVED:
            raise forms.ValidationError(_("This address is taken by the site itself."))
        if Dataset.objects.filter(slug=slug).exists():
            raise forms.ValidationError(_("The address “%s” is taken. Choose another one.") % slug)
        return slug

    def clean_class_names(self) -> list[str]:
        """Distinct names, in their order: a name written twice is one class, not a refusal."""
        names: dict[str, str] = {}
        for line in self.cleaned_data["class_names"].splitlines():
            name = " ".join(line.split())
            if len(name) > MAX_CLASS:
                text = _("“%(name)s…” is too long: a class has at most %(limit)s characters.")
                raise forms.ValidationError(text % {"name": name[:20], "limit": MAX_CLASS})
            if name:
                names.setdefault(class_key(name), name)
        return list(names.values())


class ClassNameForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the new class"), max_length=80)


class ClassLooksForm(forms.ModelForm):  # type: ignore[type-arg]
    """Colour and key of one class. (Its name is what samples were labelled with, so it stays.)"""

    colour = forms.TypedChoiceField(
        label=gettext_lazy("Colour"), coerce=int, choices=[(n, n + 1) for n in range(COLOURS)]
    )

    class Meta:
        model = LabelClass
        fields = ("colour", "key")

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"]).strip().lower()
        if key in COMMAND_KEYS:
            raise forms.ValidationError(KEY_RESERVED)
        return key


class _ChangeForm(forms.Form):
    """One kind of change of one class; `why` comes last."""

    why = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=300,
        help_text=gettext_lazy("For whoever decides about it, and for the record."),
    )

    def __init__(self, *args: Any, label: LabelClass, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label = label


class RenameForm(_ChangeForm):
    new_name = forms.CharField(label=gettext_lazy("New name"), max_length=MAX_CLASS)
    field_order = ("new_name", "why")


class MergeForm(_ChangeForm):
    into = forms.ModelChoiceField(
        LabelClass.objects.none(),
        label=gettext_lazy("The class that it goes into"),
        empty_label=gettext_lazy("Choose a class"),
    )
    field_order = ("into", "why")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = self.label.dataset.classes.current().exclude(pk=self.label.pk)
        self.fields["into"].queryset = others  # type: ignore[attr-defined]


class SplitForm(_ChangeForm):
    parts = forms.CharField(
        label=gettext_lazy("The parts"),
        widget=_rows(4),
        help_text=gettext_lazy(
            "One name in a line, two at least. The old name may be one of them."
        ),
    )
    field_order = ("parts", "why")

    def clean_parts(self) -> list[str]:
        return [line for line in self.cleaned_data["parts"].splitlines() if line.strip()]


CHANGE_FORMS: dict[str, type[_ChangeForm]] = {
    "rename": RenameForm,
    "merge": MergeForm,
    "split": SplitForm,
}


class InviteForm(forms.Form):
    role = forms.ChoiceField(label=gettext_lazy("Role"), initial=Role.CONTRIBUTOR)

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = [(role.value, role.label) for role in roles]  # type: ignore[attr-defined]


class ContributeForm(forms.Form):
    licence = forms.ChoiceField(
        label=gettext_lazy("Licence of your files"),
        choices=Licence.choices,
        help_text=gettext_lazy(
            "You keep your rights; this says what others may do. A version is released only if "
            "every licence in it allows the dataset's own."
        ),
    )
    source = forms.CharField(
        label=gettext_lazy("Source"),
        required=False,
        max_length=120,
        help_text=gettext_lazy("Where they were made: a site, a device, a camera."),
    )
    default_class = forms.ModelChoiceField(
        LabelClass.objects.none(),
        label=gettext_lazy("Class"),
        required=False,
        empty_label=gettext_lazy("The folder of each file says it"),
        help_text=gettext_lazy("For files that lie in no folder named after a class."),
    )
    agreed = forms.BooleanField(required=False)

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["licence"].initial = dataset.licence
        self.fields["default_class"].queryset = dataset.classes.current()  # type: ignore[attr-defined]
        self.fields["agreed"].label = (
            _("I may share these files under this licence, and I agree to the data-use agreement.")
            if dataset.agreement
            else _("I may share these files under this licence.")
        )


class FilesField(forms.FileField):
    """Several files from one control, each cleaned by itself."""

    widget = type("FilesInput", (forms.ClearableFileInput,), {"allow_multiple_selected": True})

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [super(FilesField, self).clean(each, initial) for each in data or [None]]


class FilesForm(forms.Form):
    sent = FilesField(
        label=gettext_lazy("Files, or an archive"),
        help_text=gettext_lazy("At most 100 at once; an archive may hold more."),
        allow_empty_file=True,
        max_length=1000,
    )


class DecisionsForm(forms.Form):
    """The review grid without JavaScript: one decision about all ticked samples."""

    sample = forms.TypedMultipleChoiceField(coerce=int)
    decision = forms.ChoiceField(choices=[(each, each) for each in ("accept", "fix", "reject")])
    label = forms.ModelChoiceField(LabelClass.objects.none(), required=False)
    reason = forms.ChoiceField(choices=[("", ""), *Review.Reason.choices], required=False)
    note = forms.CharField(max_length=500, required=False)

    def __init__(self, *args: Any, dataset: Dataset, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # One that was merged or split since the page was made: the refusal says what became of it.
        self.fields["label"].queryset = dataset.classes.all()  # type: ignore[attr-defined]
        sent = self.data.getlist("sample") if hasattr(self.data, "getlist") else []
        # Which samples may be decided about is the action's to say, one by one.
        self.fields["sample"].choices = [(each, each) for each in sent if is_number(each)]  # type: ignore[attr-defined]


class FreezeForm(forms.Form):
    notes = forms.CharField(
        label=gettext_lazy("What changed, and why"),
        required=False,
        max_length=300,
        widget=_rows(2),
        help_text=gettext_lazy("For people who choose between versions later."),
    )


class RetireForm(forms.Form):
    why = forms.CharField(label=gettext_lazy("Why"), required=False, max_length=300)
