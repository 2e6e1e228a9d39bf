"""User code in a jailed process: it is told bars, and answers with order intents.

`Jail` starts a zygote, a process that has imported what strategies use and knows no secret; each
bot is a fork of it that gives up everything but one socket before it reads a line of user code.

    jail       the trusted side: a zygote, its bots, and the level this host gives
    bot_process  one bot: its history, its deadline, what became of it
    wire       what the two sides say to each other, and nothing else is understood
    zygote, hardening, namespaces, landlock, seccomp, system_calls     the jail itself
    warming, packing      what the zygote does so that bots share nearly all of its memory
    bot_main, asking, history, state      what runs inside
    preflight, probes     attempts to escape, made before any user code is accepted
    in_process  the same decisions without a jail, for tests and development
"""
