#!/usr/bin/env escript
%%! +P 1000000
%% Runs scenarios on Erlang's own supervisor, and prints what it did. The file
%% of the first argument holds them as terms, see otp_erlang_test.go; the second
%% is how many are run at once.
%%
%% A step is over when every supervisor of the tree has answered and has named
%% only children that are alive, or when a worker reports that it is held. So
%% nothing here waits for a time, but 'pass', and what Erlang's supervisor has to
%% wait for before it kills.
-mode(compile).
-export([init/1, start_supervisor/3, start_worker/3, start_member/3, worker/5]).

%% A scenario with short windows is run again if a stretch of it, between two
%% passes, took longer than this (ms): the machine was too busy then.
-define(STRETCH, 2500).
-define(PATIENCE, 120000).

main([File, Abreast]) ->
    logger:set_primary_config(level, none),
    {ok, Scenarios} = file:consult(File),
    run(Scenarios, 0, list_to_integer(Abreast)).

%% Prints in the order of the file.
run(Scenarios, _, Abreast) ->
    {Now, Later} = lists:split(min(Abreast, length(Scenarios)), Scenarios),
    Running = [start(S) || S <- Now],
    advance(Running, Later).

start(Scenario) ->
    spawn_monitor(fun() -> exit({printed, scenario(Scenario, 10)}) end).

advance([], []) -> ok;
advance([{Pid, Monitor} | Others], Later) ->
    receive
        {'DOWN', Monitor, process, Pid, {printed, Text}} -> io:put_chars(Text);
        {'DOWN', Monitor, process, Pid, Reason} -> io:format("failed ~0p~n", [Reason])
    end,
    case Later of
        [] -> advance(Others, []);
        [Next | More] -> advance(Others ++ [start(Next)], More)
    end.

scenario({scenario, Name, Windows, _, _}, 0) ->
    io_lib:format("failed ~s: its stretches between two passes take too long for its windows (~w)~n", [Name, Windows]);
scenario({scenario, Name, Windows, Root, Commands} = Scenario, Tries) ->
    Tab = ets:new(notes, [ordered_set, public]),
    St = #{tab => Tab, root => Root, windows => Windows, began => clock(), late => false,
           owner => none, pending => none, held => false, children => []},
    {Steps, #{late := Late} = Last} = lists:mapfoldl(fun step/2, St, Commands),
    clear(Last),
    case Late of
        true -> scenario(Scenario, Tries - 1);
        false -> ["scenario ", Name, "\n", Steps]
    end.

clock() -> erlang:monotonic_time(millisecond).

clear(#{tab := Tab, owner := Owner}) ->
    is_pid(Owner) andalso exit(Owner, kill),
    [exit(P, kill) || P <- ets:select(Tab, [{{{path, '$1'}, '_'}, [], ['$1']}])],
    ets:delete(Tab),
    flush().

flush() -> receive _ -> flush() after 0 -> ok end.

%% A step: the answer, what happened, the children.
step(Command, St0) ->
    {Answer, St1} = perform(Command, St0),
    #{tab := Tab, children := Children} = St = stretch(Command, St1),
    Notes = ets:select(Tab, [{{{note, '_'}, '$1'}, [], ['$1']}]),
    ets:match_delete(Tab, {{note, '_'}, '_'}),
    {["= ", Answer, "\n> ", lists:join(", ", Notes), "\n: ", lists:join(", ", Children), "\n"], St}.

stretch({pass, _}, St) -> St#{began := clock()};
stretch(_, #{windows := true, began := Began} = St) ->
    case clock() - Began > ?STRETCH of
        true -> St#{late := true};
        false -> St
    end;
stretch(_, St) -> St.

perform({pass, Ms}, St) ->
    timer:sleep(Ms),
    settle("", St);
perform(start, #{tab := Tab, root := Root} = St) ->
    Ctx = {Tab, self()},
    Owner = spawn(fun() -> own(Ctx, Root) end),
    await(St#{owner := Owner, pending := Owner});
perform(stop, #{owner := Owner} = St) ->
    Owner ! stop,
    await(St#{pending := Owner});
perform({die, Path, How}, #{held := Held} = St) ->
    {Supervisor, Pid} = die(Path, How, St),
    case Held of
        false -> settle("", St);
        true -> await_exit(Supervisor, Pid), {"", St}
    end;
%% Their supervisor learns of both at once, in this order.
perform({both, First, Second}, #{tab := Tab} = St) ->
    [{_, _, Supervisor}] = ets:lookup(Tab, {pid, First}),
    erlang:suspend_process(Supervisor),
    [begin {_, Pid} = die(Path, boom, St), await_exit(Supervisor, Pid) end || Path <- [First, Second]],
    erlang:resume_process(Supervisor),
    settle("", St);
%% While a worker of another supervisor is held.
perform({die_beside, Path, How}, St) ->
    {Supervisor, _} = die(Path, How, St),
    await_restart(Supervisor),
    {"", St};
perform({let_go, Path}, #{tab := Tab, pending := Pending} = St) ->
    [{_, Pid, _}] = ets:lookup(Tab, {pid, Path}),
    Pid ! let_go,
    case Pending of
        none -> settle("", St#{held := false});
        _ -> await(St#{held := false})
    end;
perform(Call, #{tab := Tab} = St) ->
    Director = self(),
    Caller = spawn(fun() -> Director ! {answer, self(), call_answer(catch call(Call, {Tab, Director}))} end),
    await(St#{pending := Caller}).

%% The parent of the root, which alone can tell it to stop.
own({Tab, Director} = Ctx, Spec) ->
    process_flag(trap_exit, true),
    case answer(start_supervisor(Ctx, "", Spec)) of
        "ok" ->
            Director ! {answer, self(), "ok"},
            [{_, Root}] = ets:lookup(Tab, {supervisor, ""}),
            receive
                stop ->
                    exit(Root, shutdown),
                    receive {'EXIT', Root, _} -> ok end,
                    Director ! {over, self(), ""};
                {'EXIT', Root, Reason} -> Director ! {ended, Reason}
            end;
        Failed -> Director ! {over, self(), Failed}
    end.

%% Waits for the answer of a call, or until a worker is held.
await(#{pending := Pending} = St) ->
    receive
        {answer, Pending, Answer} -> settle(Answer, St#{pending := none});
        {over, Pending, Answer} -> {Answer, St#{pending := none, children := []}};
        {held, _} -> {"", St#{held := true}}
    after ?PATIENCE -> exit(no_answer)
    end.

settle(Answer, #{tab := Tab} = St) ->
    Director = self(),
    [{_, Root}] = ets:lookup(Tab, {supervisor, ""}),
    Walker = spawn(fun() -> Director ! {settled, walk_until(Tab, Root)} end),
    After = receive
        {settled, Children} -> St#{children := Children};
        {held, _} -> St#{held := true}; % asked now, its supervisor would not answer
        {ended, Reason} ->
            note(Tab, io_lib:format("supervisor_exit ~0p", [Reason])),
            St#{children := []}
    after ?PATIENCE -> exit(does_not_settle)
    end,
    exit(Walker, kill),
    {Answer, After}.

walk_until(Tab, Root) ->
    case catch walk(Tab, Root, "") of
        {ok, Children} -> Children;
        _ -> timer:sleep(1), walk_until(Tab, Root)
    end.

walk(Tab, Supervisor, Path) ->
    Children = lists:reverse(supervisor:which_children(Supervisor)),
    Lines = [child(Tab, Path, C) || C <- Children],
    case Children of
        [{undefined, _, _, _} | _] -> {ok, lists:sort(lists:append(Lines))};
        _ -> {ok, lists:append(Lines)}
    end.

child(_, Path, {Id, undefined, _, _}) -> [join(Path, Id) ++ " down"];
child(Tab, Path, {Id, Pid, Type, _}) when is_pid(Pid) ->
    true = is_process_alive(Pid),
    Name = case Id of
        undefined -> [{_, P}] = ets:lookup(Tab, {path, Pid}), P;
        _ -> join(Path, Id)
    end,
    case Type of
        worker -> [Name ++ " up"];
        supervisor -> {ok, Below} = walk(Tab, Pid, Name), [Name ++ " up" | Below]
    end.

die(Path, How, #{tab := Tab}) ->
    [{_, Pid, Supervisor}] = ets:lookup(Tab, {pid, Path}),
    Monitor = monitor(process, Pid),
    Pid ! {die, How},
    receive {'DOWN', Monitor, _, _, _} -> {Supervisor, Pid}
    after ?PATIENCE -> exit({does_not_die, Path})
    end.

%% A supervisor that waits for nothing has restarted, or dropped, what has died.
await_restart(Supervisor) ->
    Pids = [P || {_, P, _, _} <- supervisor:which_children(Supervisor), P =/= undefined],
    case lists:all(fun(P) -> is_pid(P) andalso is_process_alive(P) end, Pids) of
        true -> ok;
        false -> timer:sleep(1), await_restart(Supervisor)
    end.

await_exit(Supervisor, Pid) ->
    {messages, Messages} = process_info(Supervisor, messages),
    case lists:any(fun({'EXIT', P, _}) -> P =:= Pid; (_) -> false end, Messages) of
        true -> ok;
        false -> timer:sleep(1), await_exit(Supervisor, Pid)
    end.

call({terminate, Path}, Ctx) -> supervisor:terminate_child(up(Path, Ctx), id(Path));
call({restart, Path}, Ctx) -> supervisor:restart_child(up(Path, Ctx), id(Path));
call({delete, Path}, Ctx) -> supervisor:delete_child(up(Path, Ctx), id(Path));
call({add, Path, Spec}, Ctx) -> supervisor:start_child(supervisor(Path, Ctx), child_spec(Ctx, Path, Spec));
call({add_member, Path}, Ctx) -> supervisor:start_child(up(Path, Ctx), [Path]);
call({remove, Path}, {Tab, _} = Ctx) ->
    [{_, Pid, _}] = ets:lookup(Tab, {pid, Path}),
    supervisor:terminate_child(up(Path, Ctx), Pid).

supervisor(Path, {Tab, _}) ->
    [{_, Pid}] = ets:lookup(Tab, {supervisor, Path}),
    Pid.

up(Path, Ctx) -> supervisor(lists:append(lists:join("/", lists:droplast(string:split(Path, "/", all)))), Ctx).
id(Path) -> lists:last(string:split(Path, "/", all)).

answer(ok) -> "ok";
answer({ok, _}) -> "ok";
answer({error, Known}) when Known =:= running; Known =:= restarting; Known =:= not_found -> atom_to_list(Known);
answer({error, already_present}) -> "already_declared";
answer({error, {already_started, _}}) -> "already_running";
answer({error, {shutdown, {failed_to_start_child, _, _} = Failed}}) -> "failed_to_start_child " ++ first(Failed);
answer({error, {start_spec, _}}) -> "bad_spec";
answer({error, {told, _}}) -> "failed";
answer({error, {{told, _}, _}}) -> "failed";
answer({error, {bad_combination, _}}) -> "bad_spec";
answer({error, Spec}) when element(1, Spec) =:= bad_combination; element(1, Spec) =:= invalid_significant -> "bad_spec";
answer({'EXIT', {noproc, _}}) -> "not_running";
answer({error, Other}) -> io_lib:format("error ~0p", [Other]);
answer(Other) -> io_lib:format("unknown ~0p", [Other]).

%% What a supervisor below could not start is no matter of the call.
call_answer({error, {shutdown, {failed_to_start_child, _, _}}}) -> "failed";
call_answer({error, {{shutdown, {failed_to_start_child, _, _}}, _}}) -> "failed";
call_answer(Other) -> answer(Other).

first({failed_to_start_child, Id, {shutdown, {failed_to_start_child, _, _} = Below}}) -> Id ++ "/" ++ first(Below);
first({failed_to_start_child, Id, _}) -> Id.

join("", Id) -> Id;
join(Path, Id) -> Path ++ "/" ++ Id.

note(Tab, Text) -> ets:insert(Tab, {{note, erlang:unique_integer([monotonic])}, Text}).

%% Supervisors.
start_supervisor(Ctx, Path, Spec) -> supervisor:start_link(?MODULE, {Ctx, Path, Spec}).

init({{Tab, _} = Ctx, Path, {Flags, Children}}) ->
    ets:insert(Tab, [{{supervisor, Path}, self()}, {{path, self()}, Path}]),
    {ok, {Flags, [child_spec(Ctx, Path, C) || C <- Children]}}.

child_spec(Ctx, Path, {worker, Id, Common, How}) ->
    Common#{id => Id, start => {?MODULE, start_worker, [Ctx, join(Path, Id), How]}, type => worker};
child_spec(Ctx, Path, {supervisor, Id, Common, Flags, Children}) ->
    Common#{id => Id, start => {?MODULE, start_supervisor, [Ctx, join(Path, Id), {Flags, Children}]}, type => supervisor};
child_spec(Ctx, _, {member, Common, How}) ->
    Common#{id => member, start => {?MODULE, start_member, [Ctx, How]}, type => worker}.

%% Workers.
start_member(Ctx, How, Path) -> start_worker(Ctx, Path, How).

start_worker({Tab, _} = Ctx, Path, #{ignore := Ignore, fail := Fail, how := FailHow} = How) ->
    N = ets:update_counter(Tab, {tries, Path}, 1, {{tries, Path}, 0}),
    case {has(Ignore, N) andalso not has(maps:get(hold, How), N), has(Fail, N) andalso not has(Ignore, N), FailHow} of
        {true, _, _} -> note(Tab, "ignore " ++ Path), ignore;
        {_, true, start} -> note(Tab, "init_fail " ++ Path), {error, {told, start}};
        _ -> proc_lib:start_link(?MODULE, worker, [Ctx, self(), Path, How, N])
    end.

has({From, To}, N) -> From =< N andalso N =< To.

worker({Tab, Director} = Ctx, Parent, Path, #{hold := Hold, ignore := Ignore, fail := Fail, how := FailHow} = How, N) ->
    process_flag(trap_exit, true),
    ets:insert(Tab, [{{pid, Path}, self(), Parent}, {{path, self()}, Path}]),
    has(Hold, N) andalso begin
        note(Tab, "init " ++ Path),
        Director ! {held, Path},
        receive let_go -> ok end
    end,
    IsIgnored = has(Ignore, N),
    case {has(Fail, N), FailHow} of
        _ when IsIgnored ->
            note(Tab, "ignore " ++ Path),
            proc_lib:init_ack(Parent, ignore);
        {true, error} ->
            note(Tab, "init_fail " ++ Path),
            proc_lib:init_ack(Parent, {error, {told, init}}),
            exit(told);
        {true, _} ->
            note(Tab, "init_fail " ++ Path),
            exit({told, init});
        _ ->
            note(Tab, "start " ++ Path),
            proc_lib:init_ack(Parent, {ok, self()}),
            work(Ctx, Parent, Path, How)
    end.

work({Tab, Director}, Parent, Path, #{stop := Stop}) ->
    receive
        {die, How} ->
            note(Tab, lists:concat(["die ", Path, " ", How])),
            case How of
                panic -> erlang:error(told);
                _ -> exit(How)
            end;
        {'EXIT', Parent, Reason} ->
            Stop =:= killed andalso receive never -> ok end, % perhaps killed before it knew
            note(Tab, "stop_begin " ++ Path),
            case Stop of
                held -> Director ! {held, Path}, receive let_go -> ok end;
                _ -> ok
            end,
            note(Tab, "stop " ++ Path),
            exit(case Stop of badly -> told; _ -> Reason end)
    end.
