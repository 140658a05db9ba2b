"""The only code that speaks to Microsoft 365; vendor answers become our two errors here."""

from shared.tenant.calls import Call
from shared.tenant.settings import TenantSettings
from shared.tenant.tenant import Tenant

__all__ = ["Call", "Tenant", "TenantSettings"]
