import json
import logging
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise import secrets
from tunewise.errors import StudyError
from tunewise.secrets import mask, mask_named

HEX = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-Ab3dEf6hIj9kLmNoPqRs",
        "sk-ant-api03-Ab3dEf6hIj9kLmNoPqRs-XY",
        "ghp_" + "a1B2" * 9,
        "github_pat_11ABCDEFG0123456789_abc",
        "glpat-abcdefghij1234567890",
        "hf_" + "AbCd" * 9,
        "AKIAIOSFODNN7EXAMPLE",
        "AIza" + "Sy_0" * 9,
        "xoxb-123456789012-abcdef",
        "gsk_" + "aB3" * 10,
        "sk_live_0123456789abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
        "nvapi-0123456789abcdefghijkl",
    ],
)
@pytest.mark.parametrize("around", ["{}", "error 401: key {} is wrong", '{{"a": "{}"}}', "x={}\n", "({})", "\t{},"])
def test_keys_are_masked_by_their_shape(secret: str, around: str) -> None:
    assert mask(around.format(secret)) == around.format("***")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('api_key = "correct-horse"', 'api_key = "***"'),
        ("WANDB_API_KEY=" + HEX, "WANDB_API_KEY=***"),
        ("os.environ['DB_PASSWORD'] = 'hunter2!!'", "os.environ['DB_PASSWORD'] = '***'"),
        ('{"access_key": "abc123def456ghi"}', '{"access_key": "***"}'),
        ("DB_PASSWORD=hunter2\nx=1", "DB_PASSWORD=***\nx=1"),
        ("password: 'p@ss:word'", "password: '***'"),
        ("client_secret=abcdef123456xyz", "client_secret=***"),
        ("train.py --api-key abcdef123456xyz --lr 0.1", "train.py --api-key *** --lr 0.1"),
        ("Authorization: Bearer abcdef.123456-xyz", "Authorization: Bearer ***"),
        ("{'authorization': 'Basic dXNlcjpwYXNzMTIz'}", "{'authorization': 'Basic ***'}"),
        ("postgresql://me:secret@db:5432/x", "postgresql://***@db:5432/x"),
        ("https://u:p@ss@host/", "https://***@host/"),
        ("clone https://0123abcd4567efgh@host/x", "clone https://***@host/x"),
        ("machine host login me password hunter2", "machine host login me password ***"),
        ("curl -u me:hunter2 https://host", "curl -u me:*** https://host"),
        ("curl --proxy-user=me:hunter2 x", "curl --proxy-user=me:*** x"),
        ("docker login -u me -p hunter2 host", "docker login -u me -p *** host"),
        ("sshpass -p hunter2 ssh host", "sshpass -p *** ssh host"),
        ("MYSQL_PWD=hunter2", "MYSQL_PWD=***"),
        ("Passwort: hunter2", "Passwort: ***"),
        ("<password>hunter2", "<password>***"),
        ("token := abcdef123456xyz", "token := ***"),
        ("token => 'abcdef123456xyz'", "token => '***'"),
        ("argv: ['--token', 'abcdef123456xyz']", "argv: ['--token', '***']"),
        ("x?api_key%3Dabcdef123456xyz", "x?api_key%3D***"),
        ("AGE-SECRET-KEY-1QPZRY9X8GF2TVDW0S3JN", "***"),
        ("Cookie: sid=abc; theme=dark\nHost: x", "Cookie: ***\nHost: x"),
        ("{'Set-Cookie': 'session=0123abc; Path=/'}", "{'Set-Cookie': '***'}"),
        ("AccountName=me;AccountKey=abc+/def==;EndpointSuffix=x", "AccountName=me;AccountKey=***;EndpointSuffix=x"),
        ("https://me.blob.core/x?sv=1&sig=a%2Bb%3D&se=2", "https://me.blob.core/x?sv=1&sig=***&se=2"),
        ("Server=db;Uid=me;Pwd=hunter2;", "Server=db;Uid=me;Pwd=***;"),
        ("https://hooks.slack.com/services/T00/B00/XXXX", "https://hooks.slack.com/services***"),
        ("https://discord.com/api/webhooks/123/abc-DEF_1", "https://discord.com/api/webhooks***"),
        ("https://api.telegram.org/bot1234:abcdefgh/send", "https://api.telegram.org/bot***"),
        ("https://ci.example.org/team/hooks/0123abcdef", "https://ci.example.org/team/hooks***"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc\n-----END RSA PRIVATE KEY-----\nrest",
            "-----BEGIN RSA PRIVATE KEY-----***\n\n\n-----END RSA PRIVATE KEY-----\nrest",
        ),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "-----BEGIN PRIVATE KEY-----***\n"),
    ],
)
def test_secrets_are_masked_by_what_stands_around_them(text: str, masked: str) -> None:
    assert mask(text) == masked


parts = [
    *("sk-", "AKIA", "eyJ", "token=", "api_key: ", '"', "password = ", "Pwd=", "://me:", "@", "Cookie: a=", "?sig="),
    *("Bearer ", "authorization: ", "https://hooks.slack.com/services/", "https://x/webhooks/", "0a1B2c3D" * 3, "; "),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "AccountKey=", "\n", " ", "k", "\u212aey = "),
    "123456789:",
]


@given(st.lists(st.sampled_from(parts), max_size=12).map("".join))
def test_no_shape_is_left_out_where_it_could_be(text: str) -> None:
    everywhere = text
    for shape, used, _ in secrets.shapes:
        everywhere = shape.sub(used, everywhere)
    assert mask(text) == everywhere


@pytest.mark.parametrize(
    "harmless",
    [
        "token = tokenizer.encode(text)",
        "tokenizer = 'bert-base-uncased'",
        "eos_token = '<|endoftext|>'",
        "max_tokens: 123456789012345",
        "key = jax.random.PRNGKey(0)",
        'api_key = os.environ["OPENAI_API_KEY"]',
        "password = getpass()",
        "password = settings.password",
        "password: Optional[str] = None",
        "sk-learn-contrib-packages",
        "a basic regularization",
        "task-1234567890123456789",
        "epoch 3: loss=nan lr=1e-1 acc=0.1032",
        "https://example.org/a:b@c",
        "Cookie: recipes are tuned here",
        "sig=sigmoid(x), code=200",
        "choices: ['token', 'character', 'byte']",
        "tokens > 512, keys => values, a_pwd",
        "see https://github.com/git/git/blob/master/hooks",
        '{"C": 1.0, "kernel": "rbf", "n_tokens": 512}',
        "",
    ],
)
def test_what_is_no_secret_stays(harmless: str) -> None:
    assert mask(harmless) == harmless


def test_values_of_the_environment_are_masked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {
        "MY_SERVICE_TOKEN": "correct horse battery",
        "DB_PASS": "correct horse",
        "GITHUB_SECRET_X": "plain-words",
        "SHORT_KEY": "1234567",
        "CREDENTIALS": str(tmp_path),
        "MONKEY": "bananas-and-more",
        "PWD": str(tmp_path / "x"),
    }.items():
        monkeypatch.setenv(name, value)
    text = f"correct horse battery; correct horse; plain-words; 1234567; {tmp_path}; bananas-and-more; {tmp_path}/x"
    assert mask(text) == f"***; ***; ***; 1234567; {tmp_path}; bananas-and-more; {tmp_path}/x"


def test_the_password_of_a_proxy_is_masked_where_it_stands_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://me:hunt%40er2@proxy:3128")
    monkeypatch.setenv("NO_PROXY", "http://[")
    assert mask("me hunt%40er2 hunt@er2") == "me *** ***"


def test_what_was_handed_over_as_secret_is_masked_however_it_is_written() -> None:
    secrets.remember('tr0ub"4dor &3')
    for text in ('tr0ub"4dor &3', json.dumps('tr0ub"4dor &3')[1:-1], "tr0ub%224dor%20%263", "tr0ub%224dor+%263"):
        assert mask(f"x={text};") == "x=***;"
    secrets.remember("EMPTY")
    assert mask("EMPTY") == "EMPTY"


def test_variables_for_an_objective_are_secret_unless_they_say_nothing(tmp_path: Path) -> None:
    secrets.remember_environment(
        {"A": "hunter2-x", "DB_PASSWORD": "swordfish", "MODE": "training", "N": "123456789", "HOME": str(tmp_path)}
    )
    text = f"hunter2-x swordfish training 123456789 {tmp_path}"
    assert mask(text) == f"*** *** training 123456789 {tmp_path}"


def test_the_password_of_an_address_is_masked_where_it_stands_alone() -> None:
    secrets.remember_address("postgresql://me:s3cr%21t%2Fx@db/x")
    assert mask("password authentication failed: s3cr!t/x, s3cr%21t%2Fx") == "password authentication failed: ***, ***"
    secrets.remember_address("http://[broken")


def test_errors_and_the_log_show_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    secrets.remember("correct-horse-9")
    error = StudyError("postgresql://me:hunter22@db refuses correct-horse-9")
    assert str(error) == "postgresql://***@db refuses ***"
    logging.getLogger("tunewise").warning("%s: %s", error, "correct-horse-9")
    assert caplog.messages == ["postgresql://***@db refuses ***: ***"]


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("api_key", "hunter2-hunter2", "***"),
        ("DB_PASSWORD", "correct horse 'battery'", "***"),
        ("passphrase", "x" * 5_000, "***"),
        ("token", "", ""),
        ("pad_token", "<pad>", "<pad>"),
        ("max_tokens", "four thousand", "four thousand"),
        ("note", "sk-proj-Ab3dEf6hIj9kLmNoPqRs", "***"),
        ("tokenizer", "sentencepiece", "sentencepiece"),
    ],
)
def test_an_attribute_whose_name_says_so_is_masked(name: str, text: str, shown: str) -> None:
    assert mask_named(name, text) == shown


@given(st.text() | st.from_regex(r"(api_key|token|Bearer|://|sk-|password)[ ='\":@/a-z0-9*-]{0,40}"))
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "unit",
    [
        "token=",
        "password=x",
        "a",
        "sk-",
        "://a:",
        "-----BEGIN PRIVATE KEY-----",
        "--key",
        "bearer ",
        "eyJ",
        "'",
        "Cookie: ",
        "?sig=",
        "https://a/hooks/",
        "1234567890:",
    ],
)
def test_long_texts_take_no_time(unit: str) -> None:
    began = time.perf_counter()
    mask(unit * (200_000 // len(unit)))
    assert time.perf_counter() - began < 3
