SELECT a FROM t -- none;
SELECT doc->'a' FROM t;
SELECT doc->'a'->>'b' = 'x';
SELECT a ? 'x' AND NOT b;
SELECT n.t.doc -> 0 ->> $1;
SELECT doc->-1;
SELECT a || doc->>'x' || b;
SELECT f(x->1)->'y'