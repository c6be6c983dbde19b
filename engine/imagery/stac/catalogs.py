"""Catalogues of imagery that are known by default, what their collections hold, and access to them: plain data.

Nothing here sends a request; the search itself is in ``client``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Catalogue:
    """A STAC API."""

    title: str
    """Its name for people."""
    url: str
    """Address of its landing page."""
    collections: tuple[str, ...] = ()
    """Its collections of optical surface reflectance, the preferred one first."""
    note: str = ""
    """What its rasters need, in one sentence; empty when they are public."""
    signing: str = ""
    """Options of GDAL's ``/vsicurl?`` that sign the addresses of its rasters; empty when they need none."""
    hosts: tuple[str, ...] = ()
    """Domains of its rasters: they are signed or get the credentials, like the catalogue's own host."""


CATALOGUES = (
    Catalogue(
        "Earth Search (Element 84)",
        "https://earth-search.aws.element84.com/v1",
        # The first has the same offset in all its items; the flag of the second is wrong in some of them
        # (Element84/earth-search, issues 66 and 71).
        ("sentinel-2-c1-l2a", "sentinel-2-l2a", "landsat-c2-l2"),
        "Its Landsat rasters need an account of the USGS.",
    ),
    Catalogue(
        "Planetary Computer (Microsoft)",
        "https://planetarycomputer.microsoft.com/api/stac/v1",
        ("sentinel-2-l2a", "hls2-s30", "hls2-l30", "landsat-c2-l2"),
        "Its rasters are signed by GDAL (3.5.2 or later) whenever they are read, without an account.",
        signing="pc_url_signing=yes",
        hosts=("blob.core.windows.net",),
    ),
    Catalogue(
        "LP DAAC (NASA)",
        "https://cmr.earthdata.nasa.gov/stac/LPCLOUD",
        ("HLSS30_2.0", "HLSL30_2.0"),
        "Its rasters need the token of a NASA Earthdata login, or that login in the file .netrc.",
        hosts=("earthdatacloud.nasa.gov", "earthdata.nasa.gov"),
    ),
)
"""Those offered by default; any other address may be given."""


def catalogue_of(url: str) -> Catalogue:
    """The known catalogue at an address, or a new one without collections.

    Parameters
    ----------
    url : str
        Of its landing page.
    """
    url = url.strip().rstrip("/")
    return next((one for one in CATALOGUES if one.url == url), Catalogue(urlsplit(url).hostname or url, url))


def belongs(host: str, domains: tuple[str, ...]) -> bool:
    """Whether a host is one of the domains or inside one.

    Parameters
    ----------
    host : str
    domains : tuple of str
    """
    return any(host == domain or host.endswith(f".{domain}") for domain in domains if domain)


@dataclass(frozen=True)
class Access:
    """Credentials for one run. They are never written, logged or shown, and go to the named hosts only."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """HTTP headers, such as ``Authorization``."""
    hosts: tuple[str, ...] = ()
    """Domains that get them."""

    def for_url(self, url: str) -> dict[str, str]:
        """The headers of a request to an address.

        Parameters
        ----------
        url : str
        """
        host = urlsplit(url).hostname or ""
        return dict(self.headers) if belongs(host, self.hosts) else {}


NO_ACCESS = Access()


@dataclass(frozen=True)
class Product:
    """What one kind of collection calls its bands, and how it stores their values."""

    title: str
    """For people."""
    collection: str
    """Regular expression of the collection's id, in small letters."""
    bands: str
    """``NAME=word,word``: the name in the stack and the names of its asset or of its entry in ``eo:bands``."""
    quality: str
    """The same for its quality band; empty for none."""
    scale: float
    """Reflectance of one stored unit ..."""
    offset: float
    """... and of a stored 0, where the item does not say so."""
    nodata: float
    """Stored number that means no observation."""
    rare: tuple[str, ...] = ()
    """Bands that are only used when they are named: coarse ones, made for the atmosphere."""


SENTINEL_2 = "Sentinel-2 Level 2A"
SENTINEL_BANDS = (
    "B01=B01,COASTAL B02=B02,BLUE B03=B03,GREEN B04=B04,RED B05=B05,REDEDGE1 B06=B06,REDEDGE2 B07=B07,REDEDGE3 "
    "B08=B08,NIR B8A=B8A,NIR08 B09=B09,NIR09 B11=B11,SWIR16 B12=B12,SWIR22"
)

HLS_LANDSAT_BANDS = (
    "COASTAL=B01,COASTAL BLUE=B02,BLUE GREEN=B03,GREEN RED=B04,RED NIR08=B05,NIR08 SWIR16=B06,SWIR16 SWIR22=B07,SWIR22"
)
LANDSAT = "Landsat Collection 2 Level 2"
LANDSAT_BANDS = "COASTAL=COASTAL BLUE=BLUE GREEN=GREEN RED=RED NIR08=NIR08 SWIR16=SWIR16 SWIR22=SWIR22"

PRODUCTS = (
    Product(SENTINEL_2, r"sentinel-?2.*l2a", SENTINEL_BANDS, "SCL=SCL", 1e-4, -0.1, 0.0, rare=("B01", "B09")),
    Product("HLS Sentinel-2", r"hls.*s30", SENTINEL_BANDS, "FMASK=FMASK", 1e-4, 0.0, -9999.0, rare=("B01", "B09")),
    Product("HLS Landsat", r"hls.*l30", HLS_LANDSAT_BANDS, "FMASK=FMASK", 1e-4, 0.0, -9999.0, rare=("COASTAL",)),
    Product(LANDSAT, r"landsat.*(?:l2|sr)", LANDSAT_BANDS, "QA_PIXEL=QA_PIXEL", 2.75e-5, -0.2, 0.0, rare=("COASTAL",)),
)
"""Sources: ESA Sentinel-2 products specification; NASA HLS user guide 2.0; USGS LSDS-1619."""
