"""The web configuration file that Prometheus' own exporters read: TLS with client certificates, users, a rate limit."""
