"""How templates name a configuration."""

from django import template

from apps.jobs.wording import short

register = template.Library()
register.filter("in_short", short)
