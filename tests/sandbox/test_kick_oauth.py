"""id.kick.com: consent, codes, tokens, revocation, introspection."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tests.patience import PATIENCE
from tests.sandbox.kick_harness import MIA, VERIFIER, Kick


def query_of(url: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(url).query).items()}


def users(kick: Kick, token: str) -> requests.Response:
    return kick.call("GET", "/v1/users", token)


class TestConsent:
    def test_page_shows_app_scopes_and_accounts(self, kick: Kick) -> None:
        page = requests.get(kick.authorize_url("user:read chat:write"), timeout=PATIENCE)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        for words in ("Regulars", "user:read", "chat:write", "MadCats", "NoraPlays", "Deny"):
            assert words in page.text
        assert "kicks:read" not in page.text

    def test_approval_returns_code_and_state(self, kick: Kick) -> None:
        location = kick.driver.consent(kick.authorize_url(state="a b&c"), "mia")
        assert location.startswith(f"{kick.redirect_uri}?")
        assert query_of(location).keys() == {"code", "state"}
        assert query_of(location)["state"] == "a b&c"

    def test_denial_returns_access_denied(self, kick: Kick) -> None:
        query = query_of(kick.driver.consent(kick.authorize_url(), None))
        assert query["error"] == "access_denied"
        assert query["state"] == "state-1"
        assert "code" not in query

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "01WRONG"},
            {"client_id": None},
            {"redirect_uri": None},
            {"redirect_uri": "http://elsewhere.example/callback"},
        ],
    )
    def test_wrong_client_or_redirect_is_never_redirected(
        self, kick: Kick, changes: dict[str, str | None]
    ) -> None:
        url = kick.authorize_url(**changes)
        for answer in (
            requests.get(url, timeout=PATIENCE, allow_redirects=False),
            requests.post(url, {"person": "mia"}, timeout=PATIENCE, allow_redirects=False),
        ):
            assert answer.status_code == 400
            assert "Location" not in answer.headers

    @pytest.mark.parametrize(
        "changes",
        [
            {"response_type": "token"},
            {"state": None},
            {"scope": None},
            {"scope": "user:read made:up"},
            {"code_challenge": None},
            {"code_challenge": "short"},
            {"code_challenge_method": "plain"},
        ],
    )
    def test_other_errors_are_sent_to_the_redirect(
        self, kick: Kick, changes: dict[str, str | None]
    ) -> None:
        url = kick.authorize_url(**changes)
        answer = requests.get(url, timeout=PATIENCE, allow_redirects=False)
        assert answer.status_code == 302
        assert query_of(answer.headers["Location"])["error"] == "invalid_request"

    def test_redirect_uri_must_match_exactly(self, kick: Kick) -> None:
        kick.driver.app(redirect_uris=[f"{kick.redirect_uri}/exact"])
        assert requests.get(kick.authorize_url(), timeout=PATIENCE).status_code == 400
        url = kick.authorize_url(redirect_uri=f"{kick.redirect_uri}/exact")
        assert requests.get(url, timeout=PATIENCE).status_code == 200

    def test_first_127_0_0_1_becomes_localhost(self, kick: Kick) -> None:
        numeric = kick.redirect_uri.replace("localhost", "127.0.0.1")
        url = kick.authorize_url(redirect_uri=numeric)
        assert urlsplit(kick.driver.consent(url, "mia")).hostname == "localhost"
        dodged = url.replace("redirect_uri", "redirect=127.0.0.1&redirect_uri")
        assert urlsplit(kick.driver.consent(dodged, "mia")).hostname == "127.0.0.1"
        kick.driver.fault(oauth__localhost_rewrite=False)
        assert urlsplit(kick.driver.consent(url, "mia")).hostname == "127.0.0.1"

    def test_page_keeps_the_placeholder_parameter(self, kick: Kick) -> None:
        url = kick.authorize_url().replace("redirect_uri", "redirect=127.0.0.1&redirect_uri")
        assert "redirect=127.0.0.1" in requests.get(url, timeout=PATIENCE).text


class TestCode:
    def test_code_is_exchanged_for_tokens(self, kick: Kick) -> None:
        answer = kick.exchange(kick.code("mia", "user:read chat:write"))
        body = answer.json()
        assert answer.status_code == 200
        assert body.keys() == {
            "access_token", "token_type", "refresh_token", "expires_in", "scope",
        }  # fmt: skip
        assert body["token_type"] == "Bearer"
        assert body["expires_in"] == 7200
        assert body["scope"] == "user:read chat:write"
        assert users(kick, body["access_token"]).json()["data"][0]["user_id"] == MIA

    def test_code_works_once(self, kick: Kick) -> None:
        code = kick.code("mia")
        assert kick.exchange(code).status_code == 200
        again = kick.exchange(code)
        assert again.status_code == 400
        assert again.json()["error"] == "invalid_grant"
        assert again.json()["error_description"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"code_verifier": "w" * 64},
            {"code_verifier": ""},
            {"code_verifier": VERIFIER[:42]},
            {"redirect_uri": "http://localhost:1/callback"},
            {"code": "made-up"},
        ],
    )
    def test_mismatch_is_invalid_grant(self, kick: Kick, changes: dict[str, str]) -> None:
        answer = kick.exchange(kick.code("mia"), **changes)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_failed_exchange_uses_the_code(self, kick: Kick) -> None:
        code = kick.code("mia")
        kick.exchange(code, code_verifier="w" * 64)
        assert kick.exchange(code).status_code == 400

    def test_code_expires(self, kick: Kick) -> None:
        kick.driver.fault(token__code_lifetime_s=0)
        code = kick.code("mia")
        time.sleep(0.01)
        assert kick.exchange(code).json()["error"] == "invalid_grant"

    def test_wrong_client_secret_is_rejected(self, kick: Kick) -> None:
        answer = kick.exchange(kick.code("mia"), client_secret="wrong")
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    def test_unknown_grant_type_is_rejected(self, kick: Kick) -> None:
        answer = kick.token_request(grant_type="password")
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


class TestRefresh:
    def refresh(self, kick: Kick, token: str) -> requests.Response:
        return kick.token_request(grant_type="refresh_token", refresh_token=token)

    def test_refresh_returns_a_new_pair_and_the_old_stays_valid(self, kick: Kick) -> None:
        first = kick.grant("mia", "user:read")
        second = self.refresh(kick, first["refresh_token"]).json()
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] != first["refresh_token"]
        assert second["scope"] == "user:read"
        assert users(kick, second["access_token"]).status_code == 200
        assert self.refresh(kick, first["refresh_token"]).status_code == 200

    def test_refresh_token_can_be_single_use(self, kick: Kick) -> None:
        token = kick.grant("mia")["refresh_token"]
        kick.driver.fault(token__refresh_single_use=True)
        assert self.refresh(kick, token).status_code == 200
        assert self.refresh(kick, token).json()["error"] == "invalid_grant"

    def test_app_and_access_tokens_cannot_be_refreshed(self, kick: Kick) -> None:
        for token in (kick.app_token(), kick.user_token("mia"), "made-up"):
            answer = self.refresh(kick, token)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")

    def test_refresh_token_is_no_access_token(self, kick: Kick) -> None:
        assert users(kick, kick.grant("mia")["refresh_token"]).status_code == 401

    def test_all_tokens_can_be_expired_or_ended(self, kick: Kick) -> None:
        grant = kick.grant("mia")
        kick.driver.tokens("expire_access")
        assert users(kick, grant["access_token"]).status_code == 401
        renewed = self.refresh(kick, grant["refresh_token"]).json()["access_token"]
        assert users(kick, renewed).status_code == 200
        kick.driver.tokens("end_all")
        assert self.refresh(kick, grant["refresh_token"]).json()["error"] == "invalid_grant"

    def test_access_token_expires(self, kick: Kick) -> None:
        kick.driver.fault(token__user_lifetime_s=0)
        assert users(kick, kick.user_token("mia")).status_code == 401


class TestAppToken:
    def test_app_token_lasts_sixty_days_without_refresh_token(self, kick: Kick) -> None:
        body = kick.token_request(grant_type="client_credentials").json()
        assert body["expires_in"] == 5_184_000
        assert body.keys() == {"access_token", "token_type", "expires_in"}


class TestTokenFaults:
    def test_expires_in_can_be_a_string(self, kick: Kick) -> None:
        kick.driver.fault(token__expires_in_string=True)
        assert kick.grant("mia")["expires_in"] == "7200"

    def test_invalid_grant_applies_to_the_next_n(self, kick: Kick) -> None:
        kick.driver.fault(token__invalid_grant=1)
        refused = kick.token_request(grant_type="client_credentials")
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert kick.token_request(grant_type="client_credentials").status_code == 200

    def test_500_applies_to_the_next_n(self, kick: Kick) -> None:
        kick.driver.fault(token__500=1)
        assert kick.token_request(grant_type="client_credentials").status_code == 500
        assert kick.token_request(grant_type="client_credentials").status_code == 200

    def test_documented_error_format_can_be_returned(self, kick: Kick) -> None:
        kick.driver.fault(token__docs_error=True)
        answer = kick.exchange("made-up")
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid request"})


class TestRevoke:
    @pytest.mark.parametrize("place", ["query", "form"])
    def test_access_token_is_revoked(self, kick: Kick, place: str) -> None:
        token = kick.user_token("mia")
        given = {"token": token, "token_hint_type": "access_token"}
        url = f"{kick.env['KICK_AUTH_URL']}/oauth/revoke"
        sent = {"params": given} if place == "query" else {"data": given}
        answer = requests.post(url, timeout=PATIENCE, **sent)  # type: ignore[arg-type]
        assert (answer.status_code, answer.text) == (200, "OK")
        assert users(kick, token).status_code == 401

    def test_revoking_a_refresh_token_revokes_the_grant(self, kick: Kick) -> None:
        grant = kick.grant("mia")
        kick.oauth("/revoke", token=grant["refresh_token"], token_hint_type="refresh_token")
        assert users(kick, grant["access_token"]).status_code == 401

    def test_invalid_revocations_are_rejected(self, kick: Kick) -> None:
        assert kick.oauth("/revoke").status_code == 400
        assert kick.oauth("/revoke", token="x", token_hint_type="id_token").status_code == 400


class TestIntrospect:
    def introspect(self, kick: Kick, token: str) -> requests.Response:
        url = f"{kick.env['KICK_AUTH_URL']}/oauth/token/introspect"
        return requests.post(url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)

    def test_user_token_is_described(self, kick: Kick) -> None:
        body = self.introspect(kick, kick.user_token("mia", "user:read chat:write")).json()
        assert body["message"] == "OK"
        assert body["data"].pop("exp") == pytest.approx(time.time() + 7200, abs=PATIENCE)
        assert body["data"] == {
            "active": True,
            "client_id": kick.env["KICK_CLIENT_ID"],
            "token_type": "user",
            "scope": "user:read chat:write",
        }

    def test_app_token_is_described(self, kick: Kick) -> None:
        assert self.introspect(kick, kick.app_token()).json()["data"]["token_type"] == "app"

    def test_inactive_token_has_no_details(self, kick: Kick) -> None:
        answer = self.introspect(kick, "made-up")
        assert answer.status_code == 200
        assert answer.json()["data"] == {
            "active": False,
            "client_id": None,
            "token_type": None,
            "scope": None,
            "exp": None,
        }


class TestRestart:
    def test_tokens_survive_a_restart(self, kick: Kick) -> None:
        from sandbox.serve import on_thread

        token = kick.user_token("mia")
        with on_thread() as other:
            url = f"{other.env['KICK_API_URL']}/public/v1/users"
            answer = requests.get(
                url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
            )
        assert answer.json()["data"][0]["user_id"] == MIA

    def test_bot_account_has_a_permanent_token(self, kick: Kick) -> None:
        token = kick.env["KICK_BOT_USER_TOKEN"]
        assert users(kick, token).json()["data"][0]["name"] == "RegularsBot"
