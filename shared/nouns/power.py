"""What an app is let do where the powers are split between several apps, each with an identity and permissions of its own."""

from typing import Literal, get_args

# Inviting and managing guests, their groups and what is shared with them; settings of the whole tenant; mail.
type Power = Literal["guests", "settings", "mail"]
POWERS: tuple[Power, ...] = get_args(Power.__value__)
