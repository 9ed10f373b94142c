"""Public pages of sales: the checkout, an order as its owner sees it, and a ticket that somebody is given."""

from ticketing.sales.pages.account import routes as account
from ticketing.sales.pages.cancelling import routes as cancelling
from ticketing.sales.pages.checkout import routes as checkout
from ticketing.sales.pages.order import routes as order
from ticketing.sales.pages.tickets import routes as tickets
from ticketing.sales.pages.wallets import routes as wallets

routes = (account, checkout, order, cancelling, tickets, wallets)
