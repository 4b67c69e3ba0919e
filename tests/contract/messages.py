"""Texts of messages, as JSON allows them and as it does not: what every door has to pass on, and to refuse."""

TEXTS: dict[str, bytes] = {
    "a number alone": b"1.10",
    "numbers as they were written": b"[1.10,1e400,-1E400,-0,-0.0,0.10,1E+2,12345678901234567890123]",
    "numbers beside a lone surrogate": rb'{"log":"\ud800","n":[1.10,1e400,-1E400,-0,-0.0,0.10,1E+2]}',
    "a long number": b'{"n":%s}' % (b"7" * 5000),
    "a long number beside a lone surrogate": rb'{"s":"\uDfff","n":%s}' % (b"7" * 5000),
    "names that repeat": b'{"b":1,"a":2,"b":3,"a":2}',
    "names that repeat, with a lone surrogate": rb'{"b":1,"a":"\ud800","b":3}',
    "lone surrogates in names": rb'{"\ud800":1,"\uDC00\ud83d":{"\udfff":[]}}',
    "escapes": rb'"\u0041\/\"\\\b\f\n\r\t\u0000\u001F\u00e9\ud83d\ude00"',
    "escapes beside a lone surrogate": rb'["\ud800\u0041\/\u0000","\\ud800","\ud83d\ude00"]',
    "characters as they are": '"/é☃\u2028\u2029\x85\x7f\ufeff\ufffe😀"'.encode(),
    "characters as they are, beside a lone surrogate": '["é\u2028\x85\x7f😀","\\ud800"]'.encode(),
    "white space": b' \n{ "a" :\t[ 1 ,\r\n2 ] ,"b":\r{ } }\t ',
    "white space beside a lone surrogate": rb' { "a" : [ "\ud800" , 2 ] } ',
    "white space in a text": rb'"  a\n  b  "',
    "nothing": b"null",
    "an empty text": b'""',
    "what looks like an event": rb'{"id":1,"channel":"x","message":"\ud800","_placeholder":true,"num":0}',
    "900 levels": b"[" * 900 + b"]" * 900,
    "900 levels around a lone surrogate": b'{"a":' * 900 + rb'"\ud800"' + b"}" * 900,
}

NO_JSON: dict[str, bytes] = {
    "901 levels": b"[" * 901 + b"]" * 901,
    "901 levels around a lone surrogate": b'{"a":' * 901 + rb'"\ud800"' + b"}" * 901,
    "too many levels for anybody": b"[" * 4000 + b"]" * 4000,
    "no number": b"NaN",
    "no number beside a lone surrogate": rb'["\ud800",NaN]',
    "an infinite one": rb'["\ud800",-Infinity]',
    "a leading zero": b"01",
    "a leading zero beside a lone surrogate": rb'["\ud800",01]',
    "no digit after the point": b"1.",
    "a plus": b"+1",
    "single quotes": b"'a'",
    "a comma too many": b"[1,]",
    "a comma too many beside a lone surrogate": rb'["\ud800",]',
    "half an escape": rb'"\u00"',
    "no escape": rb'"\x41"',
    "no escape beside a lone surrogate": rb'"\ud800\x41"',
    "a line break in a text": b'"a\nb"',
    "a line break in a text beside a lone surrogate": b'"\\ud800\n"',
    "NUL in a text": b'"a\x00b"',
    "NUL after the text": b'"a"\x00',
    "bytes that are no UTF-8": b'"\xff"',
    "a surrogate in bytes": b'"\xed\xa0\x80"',
    "bytes that are no UTF-8 beside a lone surrogate": b'"\\ud800\xc3"',
    "nothing at all": b"",
    "a comment": b"1/*x*/",
}


def as_passed_on(text: bytes) -> bytes:
    """Give a message as listeners get it: white space around it belongs to the poster's envelope."""
    return text.strip(b" \n\r\t")


def as_lines(text: bytes) -> bytes:
    """Give it as an event stream carries it: line breaks, which are white space in JSON, all become alike."""
    return as_passed_on(text).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
