"""Settings. The environment decides; unset means the embedded default.

Embedded default: SQLite, Celery over files, local storage, all under VAR_DIR.
Production: DATABASE_URL, REDIS_URL and (optionally) STORAGE_URL are set.
Every variable is documented in docs/operators.md (a test holds that).
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

ROOT = Path(__file__).resolve().parent.parent.parent
DEVELOPMENT_KEY = "development-only-key-never-for-a-served-site"

env = environ.Env()
VAR_DIR = Path(env.str("VAR_DIR", default=str(ROOT / "var"))).resolve()
DEBUG = env.bool("DEBUG", default=False)


def _secret_key() -> str:
    """SECRET_KEY, else the file that `manage.py first_start` made, else the development key."""
    kept = VAR_DIR / "secret_key"
    if key := str(env.str("SECRET_KEY", default="")):
        return key
    return kept.read_text().strip() if kept.exists() else DEVELOPMENT_KEY


SECRET_KEY = _secret_key()
# `first_start` makes the key, so it alone may run before there is one.
if SECRET_KEY == DEVELOPMENT_KEY and not DEBUG and "first_start" not in sys.argv:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set and DEBUG is off. Set SECRET_KEY, or run `manage.py first_start` once."
    )

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
BEHIND_TLS = env.bool("BEHIND_TLS", default=False)
SIGNUP_OPEN = env.bool("SIGNUP_OPEN", default=True)

INSTALLED_APPS = [
    "apps.state",
    "apps.members",
    "apps.datasets",
    "apps.jobs",
    "apps.leaderboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "csp",
    "django_filters",
    "django_structlog",
    "drf_spectacular",
    "knox",
    "rest_framework",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.middleware.SessionActivity",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "config.middleware.PrivateResponses",
    "config.middleware.NoNulls",
    "config.middleware.RuleErrorPages",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.site",
            ],
        },
    }
]

# --- Database -------------------------------------------------------------------------------

DATABASE_URL = env.str("DATABASE_URL", default="")
if DATABASE_URL:
    DATABASES = {"default": env.db_url_config(DATABASE_URL) | {"CONN_MAX_AGE": 60}}
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    if DATABASES["default"]["ENGINE"].endswith("postgresql"):
        # PostgreSQL plans a cursor as if a tenth of its rows were wanted; all of ours are read to the end.
        DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c cursor_tuple_fraction=1"
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": VAR_DIR / "potluck.sqlite3",
            # Opening one means defining sixty functions in it: too much for each request.
            "CONN_MAX_AGE": 60,
            "OPTIONS": {
                # Deferred transactions fail with "database is locked" when two writers upgrade at
                # once; IMMEDIATE makes the second one wait instead.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    }
ALLOW_SQLITE = env.bool("ALLOW_SQLITE", default=False)
SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if SQLITE and not (DEBUG or ALLOW_SQLITE):
    raise ImproperlyConfigured(
        "SQLite with DEBUG off: set DATABASE_URL to PostgreSQL, or ALLOW_SQLITE=1 if one machine "
        "and a small group is what you mean (`make run` does)."
    )
# ApiToken stands in for knox's own table, which would be made all the same.
MIGRATION_MODULES = {"knox": None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Broker and cache -----------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", default="")
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_REJECT_ON_WORKER_LOST = False
# A frozen broker must not freeze a web request: rings give up fast, the sweeper rings again.
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_TASK_DEFAULT_QUEUE = "data"
CELERY_TASK_ROUTES = {"apps.jobs.tasks.train": {"queue": "train"}}
CELERY_BEAT_SCHEDULE = {
    "sweep-ingest": {"task": "apps.datasets.tasks.sweep", "schedule": 15.0},
    "reconcile-jobs": {"task": "apps.jobs.tasks.reconcile", "schedule": 15.0},
    "collect-entries": {"task": "apps.leaderboard.tasks.collect", "schedule": 5.0},
}
if REDIS_URL:
    CELERY_BROKER_URL = REDIS_URL
    CELERY_TASK_ACKS_LATE = False
    CELERY_WORKER_DISABLE_PREFETCH = True
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "visibility_timeout": 3600,
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,
        "global_keyprefix": "potluck:",
    }
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL.replace("redis+socket://", "unix://"),
            "KEY_PREFIX": "potluck-cache",
        }
    }
else:
    MESSAGES = VAR_DIR / "messages"
    MESSAGES.mkdir(parents=True, exist_ok=True)  # the transport does not make it itself
    CELERY_BROKER_URL = "filesystem://localhost"
    # With an early ack a second message blocks this transport's consumer thread until the first
    # task ends (ping, revoke and SIGTERM unheard); a late ack with prefetch 1 avoids that.
    CELERY_TASK_ACKS_LATE = True
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(MESSAGES),
        "data_folder_out": str(MESSAGES),
        "control_folder": str(VAR_DIR / "control"),
        # The transport's default of one second would be the largest part of "queued to first step".
        "polling_interval": 0.2,
    }
    # Per-process memory would multiply every rate limit by the number of processes.
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "cache_entries",
        }
    }

# This process's own memory: for what may differ between two processes for a moment.
CACHES["here"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}

# --- Files ----------------------------------------------------------------------------------

BLOB_DIR = VAR_DIR / "blobs"
STAGING_DIR = VAR_DIR / "staging"
RUNS_DIR = VAR_DIR / "runs"
PACKS_DIR = VAR_DIR / "packs"


def _blob_storage(url: str) -> dict[str, object]:
    """Local files, or `s3://bucket?endpoint=…&region=…` (credentials by the usual AWS variables)."""
    if not url:
        options: dict[str, object] = {"location": BLOB_DIR}
        return {"BACKEND": "apps.datasets.blob_files.BlobFiles", "OPTIONS": options}
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    options = {"bucket_name": parts.netloc, "file_overwrite": True, "querystring_auth": True}
    for name, option in (("endpoint", "endpoint_url"), ("region", "region_name")):
        if name in query:
            options[option] = query[name][0]
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": VAR_DIR / "files"},
    },
    "blobs": _blob_storage(env.str("STORAGE_URL", default="")),
    "staticfiles": {"BACKEND": "config.static_files.HashedStaticFiles"},
}
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [
    ROOT / "platform" / "static",
    (
        "vendor",
        ROOT / "node_modules" / ".vendor",
    ),  # scripts/vendor.py: only the files that are used
]
FORM_RENDERER = "config.forms.PotluckRenderer"

# --- Limits of what members may send; shown to the contributor beforehand -------------------

MAX_IMAGE_BYTES = env.int("MAX_IMAGE_BYTES", default=25 * 2**20)
MAX_IMAGE_PIXELS = env.int("MAX_IMAGE_PIXELS", default=50_000_000)
MAX_ARCHIVE_BYTES = env.int("MAX_ARCHIVE_BYTES", default=2 * 2**30)
MAX_ARCHIVE_FILES = env.int("MAX_ARCHIVE_FILES", default=50_000)
MAX_ARCHIVE_UNPACKED_BYTES = env.int("MAX_ARCHIVE_UNPACKED_BYTES", default=8 * 2**30)
MAX_ARCHIVE_RATIO = env.int("MAX_ARCHIVE_RATIO", default=100)
MAX_MANIFEST_BYTES = env.int("MAX_MANIFEST_BYTES", default=16 * 2**20)
MAX_MANIFEST_ROWS = env.int("MAX_MANIFEST_ROWS", default=100_000)
MAX_TEXT_CHARS = env.int("MAX_TEXT_CHARS", default=20_000)
MAX_TEXT_ROWS = env.int("MAX_TEXT_ROWS", default=200_000)
# What one member may store, unless the operator gives them another quota; and how much of the disk
# must stay free for files to be taken at all.
MEMBER_STORAGE_BYTES = env.int("MEMBER_STORAGE_BYTES", default=20 * 2**30)
MIN_FREE_BYTES = env.int("MIN_FREE_BYTES", default=2**30)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000
DATA_UPLOAD_MAX_NUMBER_FILES = 100  # of one form; the page's script sends one at a time
FILE_UPLOAD_PERMISSIONS = 0o600

# --- Jobs -----------------------------------------------------------------------------------

JOB_LEASE_SECONDS = env.int("JOB_LEASE_SECONDS", default=60)
JOB_RENEW_SECONDS = env.int("JOB_RENEW_SECONDS", default=15)
JOB_MAX_ATTEMPTS = env.int("JOB_MAX_ATTEMPTS", default=3)
JOB_MAX_SECONDS = env.int("JOB_MAX_SECONDS", default=24 * 3600)
JOB_STALL_SECONDS = env.int("JOB_STALL_SECONDS", default=900)
JOB_THREADS = env.int("JOB_THREADS", default=2)
JOB_DEVICES = env.int("JOB_DEVICES", default=1)
PACK_LIMIT_BYTES = env.int("PACK_LIMIT_BYTES", default=20 * 2**30)
WORKER_NAME = env.str("WORKER_NAME", default="")

# --- Members --------------------------------------------------------------------------------

AUTH_USER_MODEL = "members.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
    )
]
LOGIN_REDIRECT_URL = "home"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "apps.members.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = env.str("EMAIL_VERIFICATION", default="optional")
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if BEHIND_TLS else "http"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Potluck"
USERSESSIONS_TRACK_ACTIVITY = True  # by config.middleware.SessionActivity
if EMAIL_URL := env.str("EMAIL_URL", default=""):
    _email = env.email_url_config(EMAIL_URL)
    vars().update(_email)
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR_DIR / "mail"
MAIL_GOES_TO_FILES = not EMAIL_URL
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Potluck <potluck@localhost>")

# --- Security -------------------------------------------------------------------------------

SESSION_ENGINE = "config.sessions"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = False  # the upload module reads it
CSRF_FAILURE_VIEW = "config.handlers.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if BEHIND_TLS:
    ALLAUTH_TRUSTED_PROXY_COUNT = 1  # or every rate limit would count the proxy's address
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "worker-src": [SELF],  # hashing files before they are sent
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}

# --- Languages ------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [ROOT / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

# --- API ------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.members.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.Renderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "config.api.KeysetPagination",
    "PAGE_SIZE": 100,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": env.str("API_RATE", default="6000/min")},
    "EXCEPTION_HANDLER": "config.handlers.api_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# Read by the swappable model and by knox itself; S105 takes the name for a password.
KNOX_TOKEN_MODEL = "members.ApiToken"  # noqa: S105
REST_KNOX = {
    "TOKEN_MODEL": "members.ApiToken",
    "TOKEN_TTL": timedelta(days=365),
    "AUTO_REFRESH": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Potluck",
    "DESCRIPTION": "Build a dataset together, train models on it, compare them honestly.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    # Several models have a status or a split: each set of values by its own name.
    "ENUM_NAME_OVERRIDES": {
        "SplitEnum": "apps.datasets.models.sample.Split",
        "RoleEnum": "apps.datasets.models.dataset.Role",
        "LicenceEnum": "apps.datasets.models.dataset.Licence",
        "ContributionStatusEnum": "apps.datasets.models.contribution.Contribution.Status",
        "SampleStatusEnum": "apps.datasets.models.sample.Sample.Status",
        "VersionStatusEnum": "apps.datasets.models.version.Version.Status",
        "ChangeStatusEnum": "apps.datasets.models.change.SchemaChange.Status",
        "JobStatusEnum": "apps.jobs.models.TrainingJob.Status",
    },
}

# --- Logs -----------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", default="WARNING")
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # whose address it was is in the proxy's log
SHARED_PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso"),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.KeyValueRenderer(
                key_order=["timestamp", "level", "logger", "event"]
            ),
            "foreign_pre_chain": SHARED_PROCESSORS,
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # One line per request is django_structlog's; Django's own would say each refusal again.
    "loggers": {"django.request": {"level": "ERROR"}, "django_structlog": {"level": LOG_LEVEL}},
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *SHARED_PROCESSORS,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
