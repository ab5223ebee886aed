"""How the site's own CSS, ES modules and vendored packages are served."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Hashed names that `import` statements inside ES modules follow too."""

    support_js_module_import_aggregation = True
