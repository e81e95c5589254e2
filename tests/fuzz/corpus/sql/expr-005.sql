DELETE FROM t WHERE cast(a as decimal(10, 2));
DELETE FROM t WHERE DATE '2026-01-02';
DELETE FROM t WHERE N.T.C = "Weird Name";
DELETE FROM t WHERE "select" = "Current_User";
DELETE FROM t WHERE CURRENT_USER = current_user();
DELETE FROM t WHERE lower(A, *);
DELETE FROM t WHERE count(*);
DELETE FROM t WHERE coalesce(a, NULL, TRUE)