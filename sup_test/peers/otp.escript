#!/usr/bin/env escript
%%! +P 2000000
%% Measures Erlang's supervisor. Reads a command from each line and prints nanoseconds.
-mode(compile).
-export([init/1]).

main(_) ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),
    loop().

loop() ->
    case io:get_line("") of
        eof -> ok;
        Line ->
            [Command | Numbers] = string:lexemes(string:trim(Line), " "),
            Result = command(list_to_atom(Command), [list_to_integer(N) || N <- Numbers]),
            erlang:garbage_collect(),
            io:format("~w~n", [Result]),
            loop()
    end.

%% Starts children of a simple_one_for_one supervisor, as in a Keyed.
command(start, [N]) ->
    S = dynamic(),
    T = clock(),
    children(S, N),
    Took = clock() - T,
    stop(S),
    Took;
command(churn, [N, Siblings]) ->
    S = dynamic(),
    children(S, Siblings),
    T = clock(),
    [begin
         {ok, P} = supervisor:start_child(S, []),
         ok = supervisor:terminate_child(S, P)
     end || _ <- lists:seq(1, N)],
    Took = clock() - T,
    stop(S),
    Took;
command(stop, [N]) ->
    S = dynamic(),
    children(S, N),
    T = clock(),
    stop(S),
    clock() - T;
command(bytes, [N]) ->
    S = dynamic(),
    Before = erlang:memory(total),
    children(S, N),
    erlang:garbage_collect(S),
    Bytes = erlang:memory(total) - Before,
    stop(S),
    Bytes;
%% Restarts one child that crashes N times without a pause, among idle siblings.
command(restart, [N, Siblings]) ->
    Left = atomics:new(1, []),
    Parent = self(),
    Start = fun() -> {ok, spawn_link(fun() -> crasher(Parent, Left) end)} end,
    S = static(one_for_one, [child(crasher, Start) | idles(Siblings)]),
    receive {up, P} -> ok end,
    atomics:put(Left, 1, N - 1),
    T = clock(),
    P ! crash,
    receive {up, _} -> ok end,
    Took = clock() - T,
    stop(S),
    Took;
%% Restarts N children that fail at once.
command(storm, [N]) ->
    Parent = self(),
    Start = fun() -> {ok, spawn_link(fun() -> Parent ! {up, self()}, receive crash -> exit(crash) end end)} end,
    S = static(one_for_one, [child(I, Start) || I <- lists:seq(1, N)]),
    Pids = [receive {up, P} -> P end || _ <- lists:seq(1, N)],
    T = clock(),
    [P ! crash || P <- Pids],
    [receive {up, _} -> ok end || _ <- Pids],
    Took = clock() - T,
    stop(S),
    Took;
%% Restarts all of N children after one fails under one_for_all.
command(round, [N]) ->
    Parent = self(),
    Start = fun() ->
                {ok, spawn_link(fun() -> Parent ! {up, self()}, receive crash -> exit(crash) end end)}
            end,
    S = static(one_for_all, [child(I, Start) || I <- lists:seq(1, N)]),
    [P | _] = [receive {up, P0} -> P0 end || _ <- lists:seq(1, N)],
    T = clock(),
    P ! crash,
    [receive {up, _} -> ok end || _ <- lists:seq(1, N)],
    Took = clock() - T,
    stop(S),
    Took.

clock() -> erlang:monotonic_time(nanosecond).

idle() -> {ok, spawn_link(fun() -> receive never -> ok end end)}.

crasher(Parent, Left) ->
    case atomics:sub_get(Left, 1, 1) >= 0 of
        true -> exit(crash);
        false ->
            Parent ! {up, self()},
            receive crash -> exit(crash) end
    end.

child(Id, Start) -> #{id => Id, start => {erlang, apply, [Start, []]}, shutdown => 5000}.

idles(N) -> [child(I, fun idle/0) || I <- lists:seq(1, N)].

children(S, N) -> [{ok, _} = supervisor:start_child(S, []) || _ <- lists:seq(1, N)], ok.

dynamic() -> started(#{strategy => simple_one_for_one}, [child(child, fun idle/0)]).

static(Strategy, Children) -> started(#{strategy => Strategy, intensity => 100000000, period => 1}, Children).

started(Flags, Children) ->
    {ok, S} = supervisor:start_link(?MODULE, {Flags, Children}),
    S.

init(Spec) -> {ok, Spec}.

stop(S) ->
    exit(S, shutdown),
    receive {'EXIT', S, _} -> ok end.
