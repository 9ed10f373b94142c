"""Public pages of sales: the checkout, and an order as its owner sees it."""

from ticketing.sales.pages.checkout import routes as checkout
from ticketing.sales.pages.order import routes as order

routes = (checkout, order)
