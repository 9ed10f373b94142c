"""JSON routes of sales: orders, their payments and refunds."""

from ticketing.sales.api.cancellations import routes as cancellations
from ticketing.sales.api.documents import routes as documents
from ticketing.sales.api.orders import routes as orders
from ticketing.sales.api.payments import routes as payments
from ticketing.sales.api.transfers import routes as transfers

routes = (orders, payments, cancellations, transfers, documents)
