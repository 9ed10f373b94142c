"""Money: an integer of minor units with an ISO 4217 code. No floats, no conversion."""

from dataclasses import dataclass
from typing import Final

AMOUNT_MAX: Final = 10**12
"""Largest amount in minor units: ten thousand million euros. Sums of it stay far below 2**63."""

_DIGITS_BY_CURRENCY: Final = {
    # ISO 4217, minor digits that differ from two.
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(),
        0,
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
_TWO_DIGITS: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
    "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR "
    "JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN "
    "NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
    "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG"
)
CURRENCIES: Final = frozenset(_DIGITS_BY_CURRENCY) | frozenset(_TWO_DIGITS.split())


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` in minor units of `currency`: 2500 EUR is twenty-five euros, 2500 JPY two thousand five hundred yen."""

    amount: int
    currency: str


def minor_digits(currency: str) -> int:
    """How many digits follow the decimal point in this currency: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _DIGITS_BY_CURRENCY.get(currency, 2)


def in_words(money: Money) -> str:
    """The amount as people of no particular place write it: `EUR 25.00`, `JPY 2500`."""
    digits = minor_digits(money.currency)
    if digits == 0:
        return f"{money.currency} {money.amount}"
    sign = "-" if money.amount < 0 else ""
    whole, part = divmod(abs(money.amount), 10**digits)
    return f"{money.currency} {sign}{whole}.{part:0{digits}d}"
