### French, as spoken in France.
### Name: Français
### Locales: fr
### Countries: FR, MC, LU, GP, MQ, GF, RE, YT, BL, MF, PM, NC, PF, WF, HT, BJ, BF, BI, CD, CF, CG, CI, CM, DJ, GA, GN, KM, MG, ML, NE, SN, TD, TG
### Speech: fr-FR
### Voice: Polly.Lea-Neural
### Decimal: ,
### Reviewed: no

## Texts about a sign-up or a password, after a mail of Auth0

# SMS to a person who has just signed up. $word is the word to reply with.
verification-text = Vous avez créé un compte. Répondez { $word } pour le confirmer

# SMS to a person for whom a new password was asked. $word is the word to reply with.
password-text = Une demande de changement de mot de passe a été faite. Si elle vient de vous, répondez { $word }

# The words that confirm, separated by commas. The first one is $word in the other texts.
# Not a word that stops all texts of a sender, such as STOP, END or QUIT.
confirm-words = OUI

# SMS: the reply was another word.
wrong-reply = Réessayez. Répondez { $word } ou ne répondez pas

# SMS: the account is verified.
confirmed = Merci. Votre compte est confirmé.

# SMS: the confirmation was sent, but its result is not known.
submitted = Merci. Vous pouvez maintenant vous connecter.

# SMS: the confirmation failed for the moment.
retry-reply = Une erreur s'est produite chez nous. Répondez de nouveau { $word } dans quelques minutes.

# SMS: the person replied too late, or the link was used before.
expired-reply = Cette demande n'est plus valable. Veuillez recommencer.

# SMS: the link that lets the person choose a new password.
password-link = Ouvrez ce lien pour choisir votre mot de passe : { $link }

# SMS: first line of a list. A line of several-verification or several-password for each request follows.
several-requests = Demandes en attente :

# SMS: a line of the list. $code has four digits. $age is one of the texts that begin with "age".
several-verification = Répondez { $word } { $code } pour confirmer le compte ({ $age })

# SMS: a line of the list, as above.
several-password = Répondez { $word } { $code } pour changer le mot de passe ({ $age })

# The age of a request in an SMS: less than a minute.
age-now = à l'instant

# The age of a request in an SMS, in minutes: 1 to 59.
age-minutes = { $minutes ->
    [one] il y a { $minutes } minute
   *[other] il y a { $minutes } minutes
}

# The age of a request in an SMS, in hours: 1 or more.
age-hours = { $hours ->
    [one] il y a { $hours } heure
   *[other] il y a { $hours } heures
}

## One-time codes

# SMS with a one-time code, if the caller of the gateway sends only the code.
code-text = Votre code est { $code }

# SMS of Amazon Cognito: the person signs up.
code-sign-up = Votre code pour confirmer votre compte est { $code }

# SMS of Amazon Cognito: the person forgot the password.
code-password-reset = Votre code pour réinitialiser le mot de passe est { $code }

# SMS of Amazon Cognito: the person added or changed a phone number.
code-phone-number = Votre code pour confirmer votre numéro de téléphone est { $code }

# SMS of Amazon Cognito: the person signs in.
code-sign-in = Votre code de connexion est { $code }

# SMS of Amazon Cognito: an administrator created the user. $code is the first password.
temporary-password = Votre mot de passe provisoire est { $code }

# A call that reads a code aloud. $code is single digits with pauses between them.
code-spoken = Votre code est : { $code }

## Calls to an employee's company number

# Spoken to the caller before the employee's phone rings. $name is the employee's first name.
connecting = Veuillez patienter. Nous vous mettons en relation avec { $name }.

# As above. The employee's name is not known.
connecting-without-name = Veuillez patienter. Nous vous mettons en relation avec votre correspondant.

# The words for an employee without a name, inside a greeting of the company's own.
your-party = votre correspondant

# Spoken: the number belongs to nobody, or calls to it are not allowed.
number-not-reached = Nous sommes désolés, ce numéro n'est pas joignable. Au revoir.

# Spoken: too many calls to this number at the moment.
number-busy = Nous sommes désolés, ce numéro est occupé. Veuillez rappeler plus tard. Au revoir.

# Spoken in any call: a failure is ours.
apology = Nous sommes désolés, une erreur s'est produite chez nous. Veuillez rappeler dans quelques minutes. Au revoir.

# Spoken before the tone. The caller may then leave a message.
leave-message = Personne ne peut prendre votre appel pour le moment. Veuillez laisser un message après le bip, puis appuyer sur la touche dièse.

# Spoken at the end of any call.
goodbye = Au revoir.

# SMS to the employee. $caller is a phone number, $recording a link.
voicemail = Message vocal de { $caller } ({ $seconds } s) : { $recording }

# SMS, as above. The caller's number is withheld.
voicemail-withheld = Message vocal d'un numéro masqué ({ $seconds } s) : { $recording }

# SMS to the employee. $caller is a phone number.
missed-call = Appel manqué de { $caller }

# SMS, as above. The caller's number is withheld.
missed-call-withheld = Appel manqué d'un numéro masqué

## Texts to an employee's company number

# First line of a forwarded SMS. $sender is a phone number. An empty line and the text follow.
forwarded-from = De : { $sender }

# SMS to the employee: the employee's text does not say to whom it goes.
no-addressee = Non envoyé, car le destinataire n'est pas clair. Commencez votre SMS par un numéro, par exemple : { $example }: Bonjour

# SMS to the employee: texts to this number are not allowed.
not-allowed = Non envoyé : les SMS vers ce numéro ne sont pas autorisés.

# SMS to the employee: too many texts left the company number. $again is one of the texts that begin with "again".
too-many-sent = Non envoyé : votre numéro professionnel a envoyé plus de SMS que permis. Veuillez réessayer { $again }.

# SMS to the employee: too many texts came to the company number. $again is as above.
too-many-received = Trop de SMS sont arrivés sur votre numéro professionnel. Le transfert reprendra { $again }. Les autres SMS sont dans le journal de Twilio.

# In an SMS: it goes on in 1 to 119 minutes.
again-minutes = { $minutes ->
    [one] dans environ { $minutes } minute
   *[other] dans environ { $minutes } minutes
}

# In an SMS: it goes on in 2 hours or more.
again-hours = { $hours ->
    [one] dans environ { $hours } heure
   *[other] dans environ { $hours } heures
}

# In an SMS: it goes on when an administrator must change a setting.
again-raised = quand la limite sera relevée

## The phone menu

# Spoken first. Several languages may follow, see choose-language.
welcome = Bienvenue.

# Spoken if the caller can choose among several languages. Each language offers itself.
choose-language = Pour le français, tapez { $digit }.

# Spoken.
ask-account = Veuillez saisir votre numéro de compte, suivi de la touche dièse.

# Spoken if the caller may also speak the account number.
ask-account-speech = Veuillez dire votre numéro de compte, ou le saisir, suivi de la touche dièse.

# Spoken. The PIN has a fixed number of digits, so no key ends it.
ask-pin-digits = { $digits ->
    [one] Veuillez saisir votre code PIN à { $digits } chiffre.
   *[other] Veuillez saisir votre code PIN à { $digits } chiffres.
}

# Spoken: the account number or the PIN is wrong. The words must not say which.
not-accepted = Nous sommes désolés, ce numéro de compte et ce code PIN n'ont pas pu être acceptés.

# Spoken: the keys make no sense.
not-understood = Nous n'avons pas compris.

# Spoken after the right PIN.
welcome-account = Bienvenue.

# Spoken after the right PIN. $greeting is from the user's record, such as a first name.
welcome-name = Bienvenue, { $greeting }.

# Spoken: an entry of the menu.
press-for = Pour { $label }, tapez { $digit }.

# An entry of the menu, inside press-for.
label-balance = le solde du compte

# An entry of the menu, inside press-for.
label-payments = les paiements

# An entry of the menu, inside press-for.
label-exit = quitter

# Spoken. $amount is a number, $currency a code such as EUR.
balance = Votre solde est de { $amount } { $currency }.

# Spoken. $date is a day.
last-payment = Votre dernier paiement, le { $date }, était de { $amount } { $currency }.

# Spoken: the account has no such thing, such as no payments.
nothing-to-tell = Il n'y a aucune information à ce sujet.

# Spoken: the system with the accounts does not answer.
not-now = Nous sommes désolés, ce service n'est pas disponible pour le moment.

# The digits 0 to 9 as people say them, separated by blanks. Further words for the same digit follow after a slash.
digit-words = zéro un/une deux trois quatre cinq six sept huit neuf
