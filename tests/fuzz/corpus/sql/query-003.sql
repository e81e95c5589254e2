SELECT (SELECT d->'x' FROM u) ? 'y' FROM t;
SELECT a ? 'x' ? 'y';
 SELECT a->'b'; ;
SELECT -> 'a';
SELECT a ->;
SELECT a = ?;
SELECT a -> -> 'b';
SELECT 1; SELECT a->'b'