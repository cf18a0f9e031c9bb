"""What a server does around its sessions."""


def on_session_created(session_context):
    session_context.started = True
