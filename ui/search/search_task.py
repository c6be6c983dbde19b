"""A search as a task of the worker, with credentials from QGIS's authentication."""

from __future__ import annotations

from dataclasses import replace

from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QUrl
from qgis.PyQt.QtNetwork import QNetworkRequest

from ...engine.errors import InputError
from ...engine.tasks.specs.search import Search, access_to


class SearchTask:
    """A search as the worker's task; only the worker's stdin receives the credentials."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.id = search.id
        self.output = search.output

    def outputs(self) -> dict[str, str]:
        """The folder of the stack."""
        return self.search.outputs()

    def to_json(self) -> str:
        """The line for the worker."""
        return self.search.to_worker()


def with_credentials(search: Search, authcfg: str) -> Search:
    """The search with the headers of an authentication configuration; to be called on the main thread.

    Raises
    ------
    InputError
        ``credentials`` if QGIS does not release them: a wrong id, or no master password.
    """
    if not authcfg:
        return search
    request = QNetworkRequest(QUrl(search.catalogue))
    before = {bytes(name) for name in request.rawHeaderList()}
    done, request = QgsApplication.authManager().updateNetworkRequest(request, authcfg)
    headers = {
        bytes(name).decode("latin-1"): bytes(request.rawHeader(name)).decode("latin-1")
        for name in request.rawHeaderList()
        if bytes(name) not in before
    }
    if not done or not headers:
        raise InputError(
            "credentials",
            f"QGIS provides no HTTP header for the credentials '{authcfg}'.",
            "Enter the master password, and choose a method that sends a header: Basic, API header, OAuth2.",
        )
    return replace(search, access=access_to(search.catalogue, headers))
