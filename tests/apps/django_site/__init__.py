"""The smallest Django site with bokeh-django: uvicorn django_site.asgi:application. No database, no users."""
