"""What the Hub on loopback says of Spaces: who gets which hardware, prices, ZeroGPU quota."""

import json

NO_PLAN = ("Static Spaces are free for everyone, but hosting Gradio and Docker Spaces on free "
           "cpu-basic requires a PRO subscription. Subscribe at https://huggingface.co/pro")
NO_CREDIT = "You must have prepaid credits to run a Space on {}."
MOST_ZERO = 2
"""ZeroGPU Spaces of a free account."""
PRICES = {"cpu-basic": 0.0, "cpu-upgrade": 0.0005, "zero-a10g": 0.0, "t4-small": 0.006667}
OAUTH = {"type": "oauth"}
"""How `whoami` says of a token that `hf auth login` made it."""


class SpaceAnswers:
    """The part of the handler that answers for Spaces."""

    def refused_hardware(self, kind, flavor):
        """Why a free account gets no Space on hardware; None where it does."""
        if kind != "space" or self.hub.plan != "free":
            return None
        if flavor == "zero-a10g":
            has = sum(repo.hardware == flavor for repo in self.hub.repos.values())
            return None if has < MOST_ZERO else (403, "You host 2 ZeroGPU Spaces already.")
        return 402, NO_PLAN if flavor in (None, "cpu-basic") else NO_CREDIT.format(flavor)

    def flavors(self):
        return self.json([
            {"name": name, "prettyName": name, "cpu": "2 vCPU", "ram": "16 GB",
             "unitCostMicroUSD": round(usd * 1e6), "unitCostUSD": usd, "unitLabel": "minute"}
            for name, usd in PRICES.items()])

    def runtime(self, name):
        repo = self.find("spaces", name)
        if repo is None:
            return self.missing("RepoNotFound")
        return self.json({"stage": "RUNNING", "hardware": {"requested": repo.hardware,
                                                           "current": repo.hardware}})

    def settings(self, name):
        """Hardware, secrets, variables, volumes: not for the token of `hf auth login`."""
        if self.account is None or self.account["auth"].get("type") == "oauth":
            return self.error(401, "Invalid username or password.")
        repo = self.find("spaces", name)
        repo.hardware = json.loads(self.body)["flavor"]
        return self.json({"stage": "BUILDING", "hardware": {"requested": repo.hardware,
                                                            "current": None}})

    def quota(self):
        if self.account is None:
            return self.error(401, "Invalid username or password.")
        if self.hub.quota is None:
            return self.error(403, "This token may not read billing usage.")
        return self.json(self.hub.quota)


SPACE_ROUTES = (
    ("GET /api/spaces/hardware", "flavors"),
    ("GET /api/spaces/zero-gpu/quota", "quota"),
    (r"GET /api/spaces/([\w.-]+/[\w.-]+)/runtime", "runtime"),
    (r"POST /api/spaces/([\w.-]+/[\w.-]+)/(?:hardware|secrets|variables|restart|sleeptime)",
     "settings"),
)
