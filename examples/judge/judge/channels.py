"""Names of the channels. Who knows a name may follow it, so what only some may see has a name that nobody guesses."""

from django.utils.crypto import salted_hmac

SUBMISSIONS = "submissions"
LOBBY = "chat_lobby"
TICKETS = "tickets"


def of_submission(number):
    secret = salted_hmac("judge.channels", str(number), algorithm="sha512").hexdigest()[:16]
    return f"sub_{secret}{number:08x}"


def of_contest(key):
    return f"contest_{key}"


def of_ticket(number):
    return f"ticket-{number}"
