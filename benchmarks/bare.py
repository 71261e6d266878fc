"""The minimum a Flask route can do with a webhook: read it and answer."""

from flask import Flask, Response, jsonify, request


def create() -> Flask:
    """The application, for gunicorn."""
    app = Flask(__name__, static_folder=None)

    @app.post("/webhooks/kick")
    def receive() -> Response:
        request.get_data()
        return jsonify(status="stored")

    return app
