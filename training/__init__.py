"""Potluck's training library: a job configuration in, a trained and measured model out.

It stands alone: no Django, nothing of the site. Importing this package, ``training.config``,
``training.plan`` or ``training.leftovers`` never imports torch or numpy, so that web processes may.
"""

__version__ = "0.1.0"
