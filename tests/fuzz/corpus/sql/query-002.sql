SELECT (a->(b->'c'));
SELECT x::json->'a'::text;
SELECT CAST(x AS json)->'a';
SELECT CASE WHEN a->'b' THEN 1 END->'c';
SELECT a[1]->'b', [c->1];
SELECT '->' , "a?" /* -> */;
SELECT a /* x */ -> /* y */ 'b' z;
SELECT JSON '{}'->'a'