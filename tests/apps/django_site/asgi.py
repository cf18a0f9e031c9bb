"""The site for uvicorn."""

import os

import django

import bokeh_exporter

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "django_site.settings")
django.setup()
bokeh_exporter.install()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402 - Django must be set up first
from channels.sessions import CookieMiddleware  # noqa: E402
from django.apps import apps  # noqa: E402

routes = apps.get_app_config("bokeh_django").routes
application = ProtocolTypeRouter(
    {
        "http": CookieMiddleware(URLRouter(routes.get_http_urlpatterns())),
        "websocket": CookieMiddleware(URLRouter(routes.get_websocket_urlpatterns())),
    }
)
