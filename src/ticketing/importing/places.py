"""Countries and cities as conference listings write them, with ISO 3166 code and IANA zone. A place that is not here is not guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Place:
    """A city as it is known here: spelt right, its state or province where it has one, country and zone."""

    city: str
    state: str
    country: str
    timezone: str


@dataclass(frozen=True, slots=True)
class _Country:
    """A country by its ISO code; `timezone` is empty where only the city decides."""

    code: str
    timezone: str = ""


# One zone each in the tz database (of Germany, China, Cyprus, Malaysia, New Zealand and Ukraine: for all cities of weight).
_COUNTRIES: Final[Mapping[str, _Country]] = {
    "Argentina": _Country("AR", "America/Argentina/Buenos_Aires"),
    "Australia": _Country("AU"),
    "Austria": _Country("AT", "Europe/Vienna"),
    "Bangladesh": _Country("BD", "Asia/Dhaka"),
    "Belarus": _Country("BY", "Europe/Minsk"),
    "Belgium": _Country("BE", "Europe/Brussels"),
    "Bosnia and Herzegovina": _Country("BA", "Europe/Sarajevo"),
    "Brazil": _Country("BR"),
    "Bulgaria": _Country("BG", "Europe/Sofia"),
    "Canada": _Country("CA"),
    "China": _Country("CN", "Asia/Shanghai"),
    "Colombia": _Country("CO", "America/Bogota"),
    "Costa Rica": _Country("CR", "America/Costa_Rica"),
    "Croatia": _Country("HR", "Europe/Zagreb"),
    "Cyprus": _Country("CY", "Asia/Nicosia"),
    "Czech Republic": _Country("CZ", "Europe/Prague"),
    "Denmark": _Country("DK", "Europe/Copenhagen"),
    "Egypt": _Country("EG", "Africa/Cairo"),
    "Estonia": _Country("EE", "Europe/Tallinn"),
    "Finland": _Country("FI", "Europe/Helsinki"),
    "France": _Country("FR", "Europe/Paris"),
    "Georgia": _Country("GE", "Asia/Tbilisi"),
    "Germany": _Country("DE", "Europe/Berlin"),
    "Greece": _Country("GR", "Europe/Athens"),
    "Hong Kong": _Country("HK", "Asia/Hong_Kong"),
    "Hungary": _Country("HU", "Europe/Budapest"),
    "Iceland": _Country("IS", "Atlantic/Reykjavik"),
    "India": _Country("IN", "Asia/Kolkata"),
    "Ireland": _Country("IE", "Europe/Dublin"),
    "Israel": _Country("IL", "Asia/Jerusalem"),
    "Italy": _Country("IT", "Europe/Rome"),
    "Japan": _Country("JP", "Asia/Tokyo"),
    "Kenya": _Country("KE", "Africa/Nairobi"),
    "Latvia": _Country("LV", "Europe/Riga"),
    "Lithuania": _Country("LT", "Europe/Vilnius"),
    "Luxembourg": _Country("LU", "Europe/Luxembourg"),
    "Malaysia": _Country("MY", "Asia/Kuala_Lumpur"),
    "Malta": _Country("MT", "Europe/Malta"),
    "Mexico": _Country("MX"),
    "Moldova": _Country("MD", "Europe/Chisinau"),
    "Montenegro": _Country("ME", "Europe/Podgorica"),
    "Morocco": _Country("MA", "Africa/Casablanca"),
    "Nepal": _Country("NP", "Asia/Kathmandu"),
    "Netherlands": _Country("NL", "Europe/Amsterdam"),
    "New Zealand": _Country("NZ", "Pacific/Auckland"),
    "Nigeria": _Country("NG", "Africa/Lagos"),
    "North Macedonia": _Country("MK", "Europe/Skopje"),
    "Norway": _Country("NO", "Europe/Oslo"),
    "Pakistan": _Country("PK", "Asia/Karachi"),
    "Peru": _Country("PE", "America/Lima"),
    "Philippines": _Country("PH", "Asia/Manila"),
    "Poland": _Country("PL", "Europe/Warsaw"),
    "Portugal": _Country("PT"),
    "Qatar": _Country("QA", "Asia/Qatar"),
    "Romania": _Country("RO", "Europe/Bucharest"),
    "Saudi Arabia": _Country("SA", "Asia/Riyadh"),
    "Serbia": _Country("RS", "Europe/Belgrade"),
    "Singapore": _Country("SG", "Asia/Singapore"),
    "Slovakia": _Country("SK", "Europe/Bratislava"),
    "Slovenia": _Country("SI", "Europe/Ljubljana"),
    "South Africa": _Country("ZA", "Africa/Johannesburg"),
    "South Korea": _Country("KR", "Asia/Seoul"),
    "Spain": _Country("ES"),
    "Sri Lanka": _Country("LK", "Asia/Colombo"),
    "Sweden": _Country("SE", "Europe/Stockholm"),
    "Switzerland": _Country("CH", "Europe/Zurich"),
    "Taiwan": _Country("TW", "Asia/Taipei"),
    "Thailand": _Country("TH", "Asia/Bangkok"),
    "Tunisia": _Country("TN", "Africa/Tunis"),
    "Turkey": _Country("TR", "Europe/Istanbul"),
    "U.K.": _Country("GB", "Europe/London"),
    "U.S.A.": _Country("US"),
    "Ukraine": _Country("UA", "Europe/Kyiv"),
    "United Arab Emirates": _Country("AE", "Asia/Dubai"),
    "Uruguay": _Country("UY", "America/Montevideo"),
    "Vietnam": _Country("VN", "Asia/Ho_Chi_Minh"),
}

# In these countries the zone follows from the city.
_CITIES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "AU": {
        "Australia/Adelaide": ("Adelaide",),
        "Australia/Brisbane": ("Brisbane", "Gold Coast"),
        "Australia/Darwin": ("Darwin",),
        "Australia/Hobart": ("Hobart",),
        "Australia/Melbourne": ("Melbourne", "Geelong"),
        "Australia/Perth": ("Perth",),
        "Australia/Sydney": ("Sydney", "Newcastle", "Canberra", "Wollongong"),
    },
    "BR": {
        "America/Bahia": ("Salvador",),
        "America/Fortaleza": ("Fortaleza",),
        "America/Manaus": ("Manaus",),
        "America/Recife": ("Recife",),
        "America/Sao_Paulo": (
            *("São Paulo", "Rio de Janeiro", "Belo Horizonte", "Brasília", "Campinas", "Curitiba"),
            *("Florianópolis", "Porto Alegre"),
        ),
    },
    "CA": {
        "America/Edmonton": ("Calgary", "Edmonton", "Banff"),
        "America/Halifax": ("Halifax",),
        "America/Regina": ("Regina", "Saskatoon"),
        "America/St_Johns": ("St. John's",),
        "America/Toronto": ("Toronto", "Montreal", "Montréal", "Ottawa", "Quebec City", "Waterloo", "Kitchener"),
        "America/Vancouver": ("Vancouver", "Victoria"),
        "America/Winnipeg": ("Winnipeg",),
    },
    "ES": {
        "Atlantic/Canary": ("Las Palmas de Gran Canaria", "Santa Cruz de Tenerife"),
        "Europe/Madrid": (
            *("Madrid", "Barcelona", "Valencia", "Malaga", "Málaga", "Seville", "Bilbao", "Alicante", "Granada"),
            *("Palma de Mallorca", "Zaragoza", "A Coruña", "Vigo", "Vitoria-Gasteiz", "San Sebastián"),
        ),
    },
    "MX": {
        "America/Cancun": ("Cancún", "Cancun"),
        "America/Mexico_City": ("Mexico City", "Guadalajara", "Puebla", "Querétaro"),
        "America/Monterrey": ("Monterrey",),
        "America/Tijuana": ("Tijuana",),
    },
    "PT": {
        "Atlantic/Azores": ("Ponta Delgada",),
        "Atlantic/Madeira": ("Funchal",),
        "Europe/Lisbon": ("Lisbon", "Porto", "Aveiro", "Braga", "Coimbra", "Faro"),
    },
}

# States of the United States that keep one time. In the others (and in Arizona, for the Navajo Nation) the city decides.
_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "America/Chicago": tuple("AL AR IA IL LA MN MO MS OK WI".split()),
    "America/Denver": tuple("CO MT NM UT WY".split()),
    "America/Los_Angeles": tuple("CA NV WA".split()),
    "America/New_York": tuple("CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV".split()),
    "Pacific/Honolulu": ("HI",),
}
_CITIES_OF_SPLIT_STATES: Final[Mapping[str, tuple[str, ...]]] = {
    "America/Anchorage": ("Anchorage, AK", "Juneau, AK", "Fairbanks, AK"),
    "America/Boise": ("Boise, ID",),
    "America/Chicago": (
        *("Austin, TX", "Dallas, TX", "Houston, TX", "San Antonio, TX", "Fort Worth, TX", "Plano, TX", "Grapevine, TX"),
        *("Nashville, TN", "Memphis, TN", "Omaha, NE", "Lincoln, NE", "Wichita, KS", "Kansas City, KS", "Fargo, ND"),
        *("Sioux Falls, SD", "Pensacola, FL"),
    ),
    "America/Denver": ("El Paso, TX",),
    "America/Detroit": ("Detroit, MI", "Ann Arbor, MI", "Grand Rapids, MI", "Lansing, MI"),
    "America/Indiana/Indianapolis": ("Indianapolis, IN",),
    "America/Kentucky/Louisville": ("Louisville, KY",),
    "America/Los_Angeles": ("Portland, OR", "Eugene, OR", "Bend, OR"),
    "America/New_York": (
        *("Orlando, FL", "Miami, FL", "Miami Beach, FL", "Tampa, FL", "Clearwater, FL", "Hollywood, FL"),
        *("Fort Lauderdale, FL", "Jacksonville, FL", "Lexington, KY", "Knoxville, TN", "Chattanooga, TN"),
    ),
    "America/Phoenix": ("Phoenix, AZ", "Scottsdale, AZ", "Tempe, AZ", "Tucson, AZ"),
}

# Slips of the pen in the listings, which would otherwise make two places of one.
_SPELLINGS: Final[Mapping[tuple[str, str], str]] = {
    ("AU", "Sidney"): "Sydney",
    ("IN", "Bangalore"): "Bengaluru",  # The city's name since 2014.
    ("US", "Clear Water, FL"): "Clearwater, FL",
}


def _by_name(names_by_zone: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: zone for zone, names in names_by_zone.items() for name in names}


_ZONE_BY_CITY: Final = {code: _by_name(cities) for code, cities in _CITIES.items()}
_ZONE_BY_STATE: Final = _by_name(_STATES)
_ZONE_BY_CITY_OF_SPLIT_STATE: Final = _by_name(_CITIES_OF_SPLIT_STATES)

# ISO 3166-1, all officially assigned alpha-2 codes.
COUNTRY_CODES: Final = frozenset(
    (
        "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
        "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
        "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
        "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
        "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
        "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
        "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
    ).split()
)


def country_code(country: str) -> str | None:
    """The ISO code of a country as the listings name it, such as `U.K.`, or None if it is not known here."""
    known = _COUNTRIES.get(country)
    return known.code if known else None


def place_of(*, city: str, country: str) -> Place | None:
    """The place, or None if its zone does not follow from what is known here. American cities read `Austin, TX`."""
    known = _COUNTRIES.get(country)
    if known is None:
        return None
    city = _SPELLINGS.get((known.code, city), city)
    if known.code == "US":
        name, _, state = city.rpartition(", ")
        zone = _ZONE_BY_STATE.get(state) or _ZONE_BY_CITY_OF_SPLIT_STATE.get(city)
        return Place(name, state, known.code, zone) if zone and name else None
    zone = known.timezone or _ZONE_BY_CITY[known.code].get(city)
    return Place(city, "", known.code, zone) if zone else None
