"""Forms render through one field partial, so that every page's fields look and behave alike."""

from django.forms.renderers import TemplatesSetting


class PotluckRenderer(TemplatesSetting):
    field_template_name = "_field.html"
