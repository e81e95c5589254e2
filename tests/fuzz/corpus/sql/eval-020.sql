DELETE FROM t WHERE j->'a'->'b'->2;
DELETE FROM t WHERE j->'a'->'b'->>2;
DELETE FROM t WHERE j->'a'->'b'->>3;
DELETE FROM t WHERE j->'a'->'b'->>-1;
DELETE FROM t WHERE j->'a'->'b'->-5;
DELETE FROM t WHERE j->'zz';
DELETE FROM t WHERE j->>'s';
DELETE FROM t WHERE j->'s'