DELETE FROM t WHERE j ? 'a';
DELETE FROM t WHERE j ? 'q';
DELETE FROM t WHERE j->'a' ? 'b';
DELETE FROM t WHERE j->'a'->'b' ? 3;
DELETE FROM t WHERE json_as_text(j, 'a', 'b', 0);
DELETE FROM t WHERE json_get_json(j, 'n');
DELETE FROM t WHERE json_contains(j, 'a', 'b');
DELETE FROM t WHERE '{"a":1e21}'->>'a'