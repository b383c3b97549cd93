"""A crawl without sockets, disk or waiting: the real `Scheduler` and the real `Lanes` of its workers on virtual time.

    loop       the clock, and what happens to workers
    workers    a worker: lanes, slots, reports, renewals
    plan       the scheduler behind a make-believe disk; all that this package knows of the frontier's inside
    stock      that disk: rows made on demand
    web        the hosts: how they answer, and the judge of what reaches them
    fairness   how evenly hosts were served

`web.Web` sees what a server's own log would show. It knows nothing of leases, shares and tickets, so that it can only
agree with the frontier if the promise is kept.
"""
