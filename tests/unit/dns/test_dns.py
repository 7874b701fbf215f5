"""The component against an API server in the same process: a Service made there can be resolved."""

from __future__ import annotations

import asyncio
import random
import socket

import dnslib

from wherry.api.scheme import resource
from wherry.client.rest import Client
from wherry.component import Env
from wherry.dns.dns import Dns, DnsSettings
