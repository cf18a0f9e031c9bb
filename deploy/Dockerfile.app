# Your own app with the exporter, without a clone of this repository. Put it beside your app.py and build:
#   docker build -f Dockerfile.app -t my-app:1 .
# In an image that you have already, the line with pip and the line with CMD are all that is new.
FROM python:3.12-slim-bookworm
ENV MALLOC_ARENA_MAX=2 PYTHONUNBUFFERED=1 HOME=/tmp
RUN python -m pip install --no-cache-dir "bokeh-exporter[panel,otlp]"
COPY app.py /app/app.py
USER 10001:10001
WORKDIR /app
EXPOSE 5006 10506
CMD ["bokeh-exporter", "run", "panel", "serve", "app.py", "--address", "0.0.0.0", "--port", "5006"]
