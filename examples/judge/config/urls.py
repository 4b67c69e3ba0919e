"""Addresses of the site's pages."""

from django.urls import path

from judge.views import contest, daemon, people, problems, submissions, talk

urlpatterns = [
    path("", problems.show_list, name="problems"),
    path("problem/<slug:code>/", problems.show, name="problem"),
    path("submissions/", submissions.show_list, name="submissions"),
    path("submission/<int:number>/", submissions.show, name="submission"),
    path("ranking/", contest.show_newest, name="ranking"),
    path("ranking/<slug:key>/", contest.show, name="ranking-of"),
    path("lobby/", talk.lobby, name="lobby"),
    path("tickets/", talk.tickets, name="tickets"),
    path("ticket/<int:number>/", talk.ticket, name="ticket"),
    path("daemon/", daemon.show, name="daemon"),
    path("sign-in/", people.sign_in, name="sign-in"),
    path("sign-out/", people.sign_out, name="sign-out"),
]
