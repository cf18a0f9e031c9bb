"""Settings of the site."""

SECRET_KEY = "not a secret: a test's site on loopback"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
INSTALLED_APPS = ["channels", "bokeh_django"]
ROOT_URLCONF = "django_site.urls"
USE_TZ = True
